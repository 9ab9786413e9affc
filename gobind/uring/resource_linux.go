// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"runtime"
	"slices"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// iovecs describes bufs for the kernel.
func iovecs(bufs [][]byte) []sys.Iovec {
	iovs := make([]sys.Iovec, len(bufs))
	for i, b := range bufs {
		iovs[i] = sys.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))}
	}
	return iovs
}

// resources registers n files or buffers; without data, n empty places.
func (r *Ring) resources(opcode uint32, data unsafe.Pointer, tags []uint64, n int) error {
	if tags != nil && len(tags) != n {
		return os.NewSyscallError("io_uring_register", sys.EINVAL)
	}
	reg := sys.IoUringRsrcRegister{
		Nr:   uint32(n),
		Data: address(data),
		Tags: address(unsafe.Pointer(unsafe.SliceData(tags))),
	}
	if data == nil {
		reg.Flags = sys.IORING_RSRC_REGISTER_SPARSE
	}
	err := r.register(opcode, unsafe.Pointer(&reg), uint32(unsafe.Sizeof(reg)))
	runtime.KeepAlive(tags)
	return err
}

// replace replaces n files or buffers from index on.
func (r *Ring) replace(opcode uint32, index uint32, data unsafe.Pointer, tags []uint64, n int) error {
	if tags != nil && len(tags) != n {
		return os.NewSyscallError("io_uring_register", sys.EINVAL)
	}
	up := sys.IoUringRsrcUpdate2{
		Offset: index,
		Data:   address(data),
		Tags:   address(unsafe.Pointer(unsafe.SliceData(tags))),
		Nr:     uint32(n),
	}
	err := r.register(opcode, unsafe.Pointer(&up), uint32(unsafe.Sizeof(up)))
	runtime.KeepAlive(tags)
	return err
}

// RegisterBuffers lets the kernel keep bufs, for [SQE.ReadFixed] and its kin,
// which name them by their index.
//
// Unsafe: they belong to the kernel as long as they are registered, and until
// the completion of every request that uses them. The ring keeps them reachable
// while they are registered, after that whoever has such a request.
func (r *Ring) RegisterBuffers(bufs [][]byte) error {
	iovs := iovecs(bufs)
	err := r.register(sys.IORING_REGISTER_BUFFERS, unsafe.Pointer(unsafe.SliceData(iovs)), uint32(len(iovs)))
	runtime.KeepAlive(iovs)
	if err == nil {
		r.kept = slices.Clone(bufs)
	}
	return err
}

// RegisterBuffersTags is [Ring.RegisterBuffers] with a tag for each buffer, or
// nil: when the kernel has done with a buffer that was replaced, a completion
// has its tag as UserData; a tag of 0 asks for none. Linux 6.1 posts none when
// all are unregistered, 6.18 does. Since Linux 5.13.
func (r *Ring) RegisterBuffersTags(bufs [][]byte, tags []uint64) error {
	if len(bufs) == 0 {
		return os.NewSyscallError("io_uring_register", sys.EINVAL)
	}
	iovs := iovecs(bufs)
	err := r.resources(sys.IORING_REGISTER_BUFFERS2, unsafe.Pointer(&iovs[0]), tags, len(iovs))
	runtime.KeepAlive(iovs)
	if err == nil {
		r.kept = slices.Clone(bufs)
	}
	return err
}

// RegisterBuffersSparse makes n empty places for [Ring.UpdateBuffers]. Since
// Linux 5.19.
func (r *Ring) RegisterBuffersSparse(n int) error {
	err := r.resources(sys.IORING_REGISTER_BUFFERS2, nil, nil, n)
	if err == nil {
		r.kept = make([][]byte, n)
	}
	return err
}

// UpdateBuffers replaces registered buffers from index on; an empty one makes an
// empty place. For tags see [Ring.RegisterBuffersTags]. Since Linux 5.13.
func (r *Ring) UpdateBuffers(index uint32, bufs [][]byte, tags []uint64) error {
	iovs := iovecs(bufs)
	err := r.replace(sys.IORING_REGISTER_BUFFERS_UPDATE, index,
		unsafe.Pointer(unsafe.SliceData(iovs)), tags, len(iovs))
	runtime.KeepAlive(iovs)
	if err == nil {
		copy(r.kept[index:], bufs)
	}
	return err
}

// UnregisterBuffers undoes [Ring.RegisterBuffers].
func (r *Ring) UnregisterBuffers() error {
	err := r.register(sys.IORING_UNREGISTER_BUFFERS, nil, 0)
	if err == nil {
		r.kept = nil
	}
	return err
}

// RegisterFiles registers descriptors for requests with [SQEFixedFile], which
// name them by their index; -1 is an empty place. The ring keeps the files open,
// so the descriptors may be closed.
func (r *Ring) RegisterFiles(fds []int32) error {
	return r.register(sys.IORING_REGISTER_FILES, unsafe.Pointer(unsafe.SliceData(fds)), uint32(len(fds)))
}

// RegisterFilesTags is [Ring.RegisterFiles] with tags as
// [Ring.RegisterBuffersTags] has them. Since Linux 5.13.
func (r *Ring) RegisterFilesTags(fds []int32, tags []uint64) error {
	if len(fds) == 0 {
		return os.NewSyscallError("io_uring_register", sys.EINVAL)
	}
	err := r.resources(sys.IORING_REGISTER_FILES2, unsafe.Pointer(&fds[0]), tags, len(fds))
	runtime.KeepAlive(fds)
	return err
}

// RegisterFilesSparse makes n empty places. Since Linux 5.19.
func (r *Ring) RegisterFilesSparse(n int) error {
	return r.resources(sys.IORING_REGISTER_FILES2, nil, nil, n)
}

// UpdateFiles replaces registered files from index on; -1 makes an empty place,
// sys.IORING_REGISTER_FILES_SKIP leaves it. For tags, which may be nil, see
// [Ring.RegisterBuffersTags].
func (r *Ring) UpdateFiles(index uint32, fds []int32, tags []uint64) error {
	if tags != nil {
		err := r.replace(sys.IORING_REGISTER_FILES_UPDATE2, index,
			unsafe.Pointer(unsafe.SliceData(fds)), tags, len(fds))
		runtime.KeepAlive(fds)
		return err
	}
	up := sys.IoUringFilesUpdate{Offset: index, Fds: address(unsafe.Pointer(unsafe.SliceData(fds)))}
	err := r.register(sys.IORING_REGISTER_FILES_UPDATE, unsafe.Pointer(&up), uint32(len(fds)))
	runtime.KeepAlive(fds)
	return err
}

// UnregisterFiles undoes [Ring.RegisterFiles].
func (r *Ring) UnregisterFiles() error {
	return r.register(sys.IORING_UNREGISTER_FILES, nil, 0)
}

// SetFileAllocRange makes [FileIndexAlloc] choose from n places from index on.
// Since Linux 6.0.
func (r *Ring) SetFileAllocRange(index, n uint32) error {
	span := sys.IoUringFileIndexRange{Off: index, Len: n}
	return r.register(sys.IORING_REGISTER_FILE_ALLOC_RANGE, unsafe.Pointer(&span), 0)
}
