//go:build !linux

package testnet

import "syscall"

// apart gives a process a group of its own, so that Ctrl-C in a terminal comes
// to the testnet alone. When the testnet is gone a process finds its socket
// closed, and ends; one that is paused then does so when it goes on.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
