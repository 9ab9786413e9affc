// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package faultkernel

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// deniedEnv is set for the child of TestDenyHoldsForTheProcess.
const deniedEnv = "SYSHIM_TEST_DENIED"

func TestDenyHoldsForTheProcess(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), deniedEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// denied is the child.
func denied() error {
	try, answer := make(chan bool), make(chan error)
	// A thread from before, besides this one.
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		try <- true
		<-try
		_, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
		answer <- err
	}()
	<-try
	if err := Deny(syscall.EXDEV, syscall.SYS_GETPRIORITY, syscall.SYS_SYNC); err != nil {
		return err
	}
	try <- true
	if err := <-answer; err != syscall.EXDEV {
		return fmt.Errorf("another thread: %v, want %v", err, syscall.EXDEV)
	}
	if _, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err != syscall.EXDEV {
		return fmt.Errorf("this thread: %v, want %v", err, syscall.EXDEV)
	}
	return nil
}
