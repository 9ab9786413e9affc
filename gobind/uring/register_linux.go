// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

func (r *Ring) register(opcode uint32, arg unsafe.Pointer, n uint32) error {
	if r.fd < 0 {
		return os.ErrClosed
	}
	for {
		_, err := sys.IoUringRegister(r.fd, opcode, arg, n)
		if err != sys.EINTR {
			return os.NewSyscallError("io_uring_register", err)
		}
	}
}

// Enable starts a ring that was made with [SetupRDisabled]. With
// [SetupSingleIssuer] the calling thread becomes the one that submits.
func (r *Ring) Enable() error {
	return r.register(sys.IORING_REGISTER_ENABLE_RINGS, nil, 0)
}

// RegisterEventFD makes the kernel add to the eventfd for every completion. It
// keeps the eventfd open until UnregisterEventFD or Close.
func (r *Ring) RegisterEventFD(fd int) error {
	n := int32(fd)
	return r.register(sys.IORING_REGISTER_EVENTFD, unsafe.Pointer(&n), 1)
}

// UnregisterEventFD undoes [Ring.RegisterEventFD].
func (r *Ring) UnregisterEventFD() error {
	return r.register(sys.IORING_UNREGISTER_EVENTFD, nil, 0)
}

// A Probe tells which operations the kernel has.
type Probe struct {
	head sys.IoUringProbe
	ops  [256]sys.IoUringProbeOp
}

// Probe asks the kernel what it can do on this ring.
func (r *Ring) Probe() (*Probe, error) {
	p := new(Probe)
	err := r.register(sys.IORING_REGISTER_PROBE, unsafe.Pointer(p), uint32(len(p.ops)))
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Supported reports whether the kernel has the operation.
func (p *Probe) Supported(op Op) bool {
	return p.ops[op].Flags&sys.IO_URING_OP_SUPPORTED != 0
}
