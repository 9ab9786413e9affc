// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	blockSize  = 4096
	fileBlocks = 64 << 20 / blockSize
)

// makeTestFile makes the file that rows read, in dir and already without a
// name. Each block begins with its offset.
func makeTestFile(dir string) (*os.File, error) {
	f, err := unnamedFile(dir)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var block [blockSize]byte
	for i := range int64(fileBlocks) {
		binary.NativeEndian.PutUint64(block[:], uint64(i*blockSize))
		w.Write(block[:])
	}
	if err := errors.Join(w.Flush(), f.Sync()); err != nil {
		f.Close()
		return nil, fmt.Errorf("the test file of 64 MiB in %s: %w", dir, err)
	}
	return f, nil
}

func unnamedFile(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir), nil
	}
	// Not every file system has it.
	f, err := os.CreateTemp(dir, "bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// warm brings the file into the page cache, where rows with cache=page expect it.
func warm(f *os.File) error {
	_, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, fileBlocks*blockSize))
	return err
}

// fileSystem names what a file lies on.
func fileSystem(f *os.File) string {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return err.Error()
	}
	names := map[int64]string{
		unix.BTRFS_SUPER_MAGIC:     "btrfs",
		unix.EXT4_SUPER_MAGIC:      "ext4",
		unix.F2FS_SUPER_MAGIC:      "f2fs",
		unix.NFS_SUPER_MAGIC:       "nfs",
		unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
		unix.RAMFS_MAGIC:           "ramfs",
		unix.TMPFS_MAGIC:           "tmpfs",
		unix.V9FS_MAGIC:            "9p",
		unix.XFS_SUPER_MAGIC:       "xfs",
		0x2fc12fc1:                 "zfs",
	}
	if name, ok := names[int64(st.Type)]; ok {
		return name
	}
	return fmt.Sprintf("file system %#x", st.Type)
}
