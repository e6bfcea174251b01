// Package golden compares what a test got with what a file says, and rewrites
// the file when the test runs with -update: read the difference in review.
package golden
