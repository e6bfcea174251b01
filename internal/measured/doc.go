// Package measured keeps what benchmarks found in tables for the documentation:
// a benchmark that runs with -csv FILE puts its rows there, in place of those with
// the same name and size, and the figures are drawn from the file.
package measured
