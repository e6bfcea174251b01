package testnet

import "syscall"

// apart gives a process a group of its own, so that Ctrl-C in a terminal comes
// to the testnet alone, and ends it when the testnet is gone however that came.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
