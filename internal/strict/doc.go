// Package strict decodes the TOML files that people write: an unknown key is an
// error that names its line and the key that was probably meant.
package strict
