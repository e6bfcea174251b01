// Package study is what the hospitals of a federation agreed to compute: a TOML
// file that names the task, the trainer, the scheme and the deadlines. Its hash
// is in every round description. The package knows no network.
package study
