// Package interactivetest runs the machines of all parties in one goroutine,
// with delays drawn from a seed, and lets tests lie, lose and crash.
package interactivetest
