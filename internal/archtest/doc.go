// Package archtest fails the build when a package imports one that the plan of
// the house (docs/architecture.md) does not let it call.
package archtest
