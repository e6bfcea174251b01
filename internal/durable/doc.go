// Package durable replaces files in one go and makes them survive a crash.
package durable
