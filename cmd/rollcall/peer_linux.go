package main

import (
	"net"
	"strconv"
	"syscall"
)

// peer names the user at the other end of the socket, as the kernel has it.
func peer(conn net.Conn) string {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return ""
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return ""
	}
	var cred *syscall.Ucred
	control := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if control != nil || err != nil {
		return ""
	}
	return userNamed(strconv.FormatUint(uint64(cred.Uid), 10))
}
