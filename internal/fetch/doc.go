// Package fetch downloads public data sets into files. A download that was cut
// off goes on where it was; what arrives is brought into the form that the
// project's tasks describe, checked against a SHA-256 that is part of the
// program, and put in its place in one go: a file is there and right, or it is
// not there.
package fetch
