package child

import "syscall"

// dieWithParent lets the kernel send s when this process ends without having stopped the child.
func dieWithParent(attr *syscall.SysProcAttr, s syscall.Signal) { attr.Pdeathsig = s }
