// Package figure draws curves as SVG and PNG, all in one style.
package figure
