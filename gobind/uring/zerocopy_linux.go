// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// RegisterZeroCopy makes a queue of a network card receive into memory of the
// caller's, for [SQE.RecvZC]: what struct io_uring_zcrx_ifq_reg says, into
// which the kernel writes its answers. The ring has [SetupSingleIssuer],
// [SetupDeferTaskrun], and [SetupCQE32] or [SetupCQEMixed]; the caller may
// CAP_NET_ADMIN. Since Linux 6.15.
//
// Unsafe: the area, the region and the descriptions to which reg points belong
// to the kernel until the ring is gone. Memory from mmap(2), as an [Arena] has,
// is what they need.
func (r *Ring) RegisterZeroCopy(reg *sys.IoUringZcrxIfqReg) error {
	return r.register(sys.IORING_REGISTER_ZCRX_IFQ, unsafe.Pointer(reg), 1)
}

// ControlZeroCopy does something with such a queue: sys.ZCRX_CTRL_*. Since Linux
// 6.19.
func (r *Ring) ControlZeroCopy(ctrl *sys.ZcrxCtrl) error {
	return r.register(sys.IORING_REGISTER_ZCRX_CTRL, unsafe.Pointer(ctrl), 0)
}
