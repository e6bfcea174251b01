// Package model holds what a hospital computes on its own rows: data tables
// and the task files that describe them, models and trainers, joint
// standardisation, metrics, and the fixed-point codec that turns real numbers
// into the integers which the protocol sums. It knows no network and no
// cryptography.
package model
