// Package docs checks the project's documents: links lead somewhere, and what
// they say people can type is there.
package docs
