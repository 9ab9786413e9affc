// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// An nvmeCommand is the kernel's struct nvme_passthru_cmd; the commands of a
// ring have no result there.
type nvmeCommand struct {
	opcode, flags   uint8
	_               uint16
	nsid, _, _      uint32
	_, addr         uint64
	_, dataLen      uint32
	cdw10, _, cdw12 uint32
	_, _, _, _, _   uint32
}

// nvmeRequest is _IOWR('N', nr, struct nvme_passthru_cmd).
func nvmeRequest(nr uint32) uint32 {
	return 3<<30 | uint32(unsafe.Sizeof(nvmeCommand{}))<<16 | 'N'<<8 | nr
}

const (
	diskBlock  = 4096
	diskBlocks = 32
	diskSerial = "syshim-scratch"
)

// openDisk opens a device of the NVMe disk that a virtual machine of
// tests/kernels has, with that serial number. No other disk is written.
func openDisk(t *testing.T, path string, flags int) int {
	t.Helper()
	serial, err := os.ReadFile("/sys/class/nvme/nvme0/serial")
	if err != nil || os.Getenv("SCRATCH_NVME") == "" {
		t.Skip("no NVMe disk to overwrite")
	}
	if !strings.HasPrefix(string(serial), diskSerial) {
		t.Fatalf("the disk is %q", serial)
	}
	fd, err := sys.Openat(sys.AT_FDCWD, path, sys.O_RDWR|sys.O_CLOEXEC|flags, 0)
	check(t, err)
	return closing(t, fd)
}

// diskMemory returns memory for n bytes that devices can use.
func diskMemory(t *testing.T, n int) []byte {
	t.Helper()
	p, err := sys.RawMmap(nil, uintptr(n), sys.PROT_READ|sys.PROT_WRITE, sys.MAP_PRIVATE|sys.MAP_ANONYMOUS, -1, 0)
	check(t, err)
	t.Cleanup(func() { check(t, sys.RawMunmap(p, uintptr(n))) })
	return unsafe.Slice((*byte)(p), n)
}

func fillDisk(b []byte, seed uint32) {
	for i := range b {
		seed = seed*1103515245 + 12345
		b[i] = byte(seed >> 16)
	}
}

func TestPolledRequestsWriteAndRead(t *testing.T) {
	for _, tc := range []struct {
		name  string
		flags uring.SetupFlags
	}{
		{"poll", uring.SetupIOPoll},
		{"sleep first", uring.SetupIOPoll | uring.SetupHybridIOPoll},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fd := openDisk(t, "/dev/nvme0n1", sys.O_DIRECT)
			out, in := diskMemory(t, diskBlock*diskBlocks), diskMemory(t, diskBlock*diskBlocks)
			fillDisk(out, uint32(tc.flags))
			r := newRing(t, diskBlocks, uring.WithFlags(tc.flags))
			check(t, r.RegisterBuffers([][]byte{in}))
			for i := range diskBlocks {
				at := i * diskBlock
				next(t, r, uint64(i)).Write(fd, out[at:at+diskBlock], int64(at))
			}
			for i, c := range reap(t, r, diskBlocks) {
				if c.Res != diskBlock {
					t.Fatalf("write of block %d: %d", i, c.Res)
				}
			}
			for i := range diskBlocks {
				at := i * diskBlock
				next(t, r, uint64(i)).ReadFixed(fd, in[at:at+diskBlock], int64(at), 0)
			}
			for i, c := range reap(t, r, diskBlocks) {
				if c.Res != diskBlock {
					t.Fatalf("read of block %d: %d", i, c.Res)
				}
			}
			if !bytes.Equal(in, out) {
				t.Error("the blocks differ")
			}
		})
	}
}

// command does a command of the driver and returns its result.
func command(t *testing.T, r *uring.Ring, fd int, op uint32, large uring.Op, c *nvmeCommand) int32 {
	t.Helper()
	s := r.NextSQE128()
	if s == nil {
		t.Fatal("no SQE is free")
	}
	s.UringCmd(int(op), fd)
	s.Opcode = large
	copy(s.Command()[:], unsafe.Slice((*byte)(unsafe.Pointer(c)), unsafe.Sizeof(*c)))
	return result(t, r)
}

func TestCommandsReadBlocksOfTheDisk(t *testing.T) {
	for _, tc := range []struct {
		name  string
		flags uring.SetupFlags
		op    uring.Op
	}{
		{"large", uring.SetupSQE128 | uring.SetupCQE32, uring.OpUringCmd},
		{"polled", uring.SetupSQE128 | uring.SetupCQE32 | uring.SetupIOPoll, uring.OpUringCmd},
		{"mixed", uring.SetupSQEMixed | uring.SetupCQEMixed, uring.OpUringCmd128},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fd := openDisk(t, "/dev/nvme0n1", sys.O_DIRECT)
			r := newRing(t, 4, uring.WithFlags(tc.flags))
			generic := openDisk(t, "/dev/ng0n1", 0)
			out, in := diskMemory(t, diskBlock), diskMemory(t, diskBlock)
			// Block 0: so many of 512 bytes, less one.
			read := nvmeCommand{opcode: 2, nsid: 1, addr: uint64(uintptr(unsafe.Pointer(&in[0]))),
				dataLen: diskBlock, cdw12: diskBlock/512 - 1}
			for seed := range uint32(3) {
				fillDisk(out, seed)
				n, err := sys.Pwrite(fd, out, 0)
				if n != diskBlock {
					t.Fatalf("Pwrite gives %d, %v", n, err)
				}
				wantRes(t, "read", command(t, r, generic, nvmeRequest(0x80), tc.op, &read), 0)
				if !bytes.Equal(in, out) {
					t.Error("the blocks differ")
				}
			}
			read.nsid = 77
			wantRes(t, "another namespace", command(t, r, generic, nvmeRequest(0x80), tc.op, &read), -int32(sys.EINVAL))
		})
	}
}

func TestCommandTellsWhatIoctlTells(t *testing.T) {
	fd := openDisk(t, "/dev/nvme0", 0)
	r := newRing(t, 4, uring.WithFlags(uring.SetupSQE128|uring.SetupCQE32))
	plain, ring := diskMemory(t, diskBlock), diskMemory(t, diskBlock)
	identify := nvmeCommand{opcode: 6, addr: uint64(uintptr(unsafe.Pointer(&plain[0]))), dataLen: diskBlock, cdw10: 1}
	_, err := sys.RawIoctl(fd, uint(nvmeRequest(0x41)), uintptr(unsafe.Pointer(&identify)))
	check(t, err)
	identify.addr = uint64(uintptr(unsafe.Pointer(&ring[0])))
	wantRes(t, "identify", command(t, r, fd, nvmeRequest(0x82), uring.OpUringCmd, &identify), 0)
	if !bytes.Equal(plain, ring) || !bytes.HasPrefix(ring[4:], []byte(diskSerial)) {
		t.Errorf("the ring tells %q", ring[:64])
	}
}
