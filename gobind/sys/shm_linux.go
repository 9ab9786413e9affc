// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

// SysvShmGet calls shmget(2): it makes or finds shared memory of size bytes.
func SysvShmGet(key, size, flag int) (id int, err error) {
	return RawShmget(key, uintptr(size), flag)
}

// SysvShmAttach calls shmat(2): it maps shared memory, at addr unless that is 0.
// The slice is the caller's until [SysvShmDetach].
func SysvShmAttach(id int, addr uintptr, flag int) ([]byte, error) {
	p, err := RawShmat(id, addr, flag)
	if err != nil {
		return nil, err
	}
	var desc SysvShmDesc
	if _, err := RawShmctl(id, IPC_STAT, &desc); err != nil {
		RawShmdt(p)
		return nil, err
	}
	b := unsafe.Slice((*byte)(p), int(desc.Segsz))
	mappings.Lock()
	defer mappings.Unlock()
	mappings.shared[&b[0]] = len(b)
	return b, nil
}

// SysvShmDetach calls shmdt(2) for a slice that [SysvShmAttach] returned; any
// other is EINVAL. Nothing may touch the memory afterwards.
func SysvShmDetach(data []byte) error {
	if len(data) == 0 {
		return EINVAL
	}
	mappings.Lock()
	defer mappings.Unlock()
	if mappings.shared[&data[0]] != len(data) {
		return EINVAL
	}
	if err := RawShmdt(unsafe.Pointer(&data[0])); err != nil {
		return err
	}
	delete(mappings.shared, &data[0])
	return nil
}

// SysvShmCtl calls shmctl(2).
func SysvShmCtl(id, cmd int, desc *SysvShmDesc) (result int, err error) {
	return RawShmctl(id, cmd, desc)
}
