// Package processor tells how much processor time was used.
package processor
