package process

import "syscall"

// tied has the system kill the child when this process is gone: nobody else would
// stop it. (prctl PR_SET_PDEATHSIG goes by threads, and Go ends no thread of its own.)
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
