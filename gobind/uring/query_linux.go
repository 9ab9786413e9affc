// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// query asks the kernel, without a ring, and fills p with size bytes. Since
// Linux 6.18; of what an older kernel does not know it leaves the end 0.
func query(what uint32, p unsafe.Pointer, size uintptr) error {
	hdr := sys.IoUringQueryHdr{QueryData: address(p), QueryOp: what, Size: uint32(size)}
	_, err := sys.IoUringRegister(-1, sys.IORING_REGISTER_QUERY, unsafe.Pointer(&hdr), 0)
	if err == nil && hdr.Result < 0 {
		err = syscall.Errno(-hdr.Result)
	}
	return os.NewSyscallError("io_uring_register", err)
}

// A Kernel is what the kernel's io_uring has.
type Kernel struct {
	// Ops and Registers are how many operations there are, of requests and of
	// io_uring_register(2).
	Ops, Registers int
	Features       Features
	Setup          SetupFlags
	Enter          uint32 // sys.IORING_ENTER_*
	SQE            SQEFlags
}

// Query asks the kernel what it has, without making a ring. Since Linux 6.18;
// an older one says EINVAL: then a Ring's Features and Probe tell something,
// and trying it the rest.
func Query() (Kernel, error) {
	var op sys.IoUringQueryOpcode
	if err := query(sys.IO_URING_QUERY_OPCODES, unsafe.Pointer(&op), unsafe.Sizeof(op)); err != nil {
		return Kernel{}, err
	}
	return Kernel{
		Ops: int(op.NrRequestOpcodes), Registers: int(op.NrRegisterOpcodes),
		Features: Features(op.FeatureFlags), Setup: SetupFlags(op.RingSetupFlags),
		Enter: uint32(op.EnterFlags), SQE: SQEFlags(op.SqeFlags),
	}, nil
}

// arrayless reports whether every ring should do without the array of indices
// between the queue and its entries.
var arrayless = sync.OnceValue(func() bool {
	k, err := Query()
	return err == nil && k.Setup.has(SetupNoSQArray)
})

// ZeroCopyQuery is what the kernel says of receiving without copies.
type ZeroCopyQuery struct {
	Registers uint64 // sys.ZCRX_REG_*
	Areas     uint64 // sys.IORING_ZCRX_AREA_*
	Controls  int    // how many sys.ZCRX_CTRL_* there are
	Features  uint32 // sys.ZCRX_FEATURE_*
	// HeadSize and HeadAlign are those of the refill queue.
	HeadSize, HeadAlign int
}

// QueryZeroCopy asks for what receiving without copies needs. Since Linux 6.19;
// EOPNOTSUPP: 6.18 cannot say.
func QueryZeroCopy() (ZeroCopyQuery, error) {
	var z sys.IoUringQueryZcrx
	if err := query(sys.IO_URING_QUERY_ZCRX, unsafe.Pointer(&z), unsafe.Sizeof(z)); err != nil {
		return ZeroCopyQuery{}, err
	}
	return ZeroCopyQuery{
		Registers: z.RegisterFlags, Areas: z.AreaFlags, Controls: int(z.NrCtrlOpcodes),
		Features: z.Features, HeadSize: int(z.RqHdrSize), HeadAlign: int(z.RqHdrAlignment),
	}, nil
}

// ProbeKernel asks for the operations of requests as [Ring.Probe] does: where
// the kernel answers without a ring, it makes none.
func ProbeKernel() (*Probe, error) {
	if k, err := Query(); err == nil {
		p := new(Probe)
		for i := range min(k.Ops, len(p.ops)) {
			p.ops[i].Flags = sys.IO_URING_OP_SUPPORTED
		}
		return p, nil
	}
	r, err := New(1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.Probe()
}
