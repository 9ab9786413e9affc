// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import (
	"strconv"
	"unsafe"
)

// Faccessat asks whether the real user, or the effective one with AT_EACCESS,
// may access a file. Flags need faccessat2(2), of Linux 5.8 and later.
func Faccessat(dirfd int, path string, mode uint32, flags int) (err error) {
	if flags == 0 {
		return RawFaccessat(dirfd, path, mode)
	}
	return Faccessat2(dirfd, path, mode, flags)
}

// Fchmodat changes the permissions of a file. Flags need fchmodat2(2), of Linux
// 6.6 and later.
func Fchmodat(dirfd int, path string, mode uint32, flags int) error {
	if flags == 0 {
		return RawFchmodat(dirfd, path, mode)
	}
	return Fchmodat2(dirfd, path, mode, flags)
}

// UtimesNanoAt calls utimensat(2): it sets the times of the last access and
// change of a file, or makes them now when ts is nil.
func UtimesNanoAt(dirfd int, path string, ts []Timespec, flags int) error {
	var times *[2]Timespec
	if ts != nil {
		if len(ts) != 2 {
			return EINVAL
		}
		times = (*[2]Timespec)(ts)
	}
	var buf stringBuf
	p, err := cstring(&buf, path)
	if err != nil {
		return err
	}
	return RawUtimensat(dirfd, p, times, flags)
}

// UtimesNano is [UtimesNanoAt] relative to the working directory.
func UtimesNano(path string, ts []Timespec) error {
	return UtimesNanoAt(AT_FDCWD, path, ts, 0)
}

func utimesAt(dirfd int, path string, tv []Timeval, flags int) error {
	if tv == nil {
		return UtimesNanoAt(dirfd, path, nil, flags)
	}
	if len(tv) != 2 {
		return EINVAL
	}
	var ts [2]Timespec
	for i := range ts {
		if uint64(tv[i].Usec) >= 1e6 {
			return EINVAL
		}
		ts[i] = Timespec{Sec: tv[i].Sec, Nsec: tv[i].Usec * 1e3}
	}
	return UtimesNanoAt(dirfd, path, ts[:], flags)
}

// Futimesat does what futimesat(2) does, by utimensat.
func Futimesat(dirfd int, path string, tv []Timeval) error {
	return utimesAt(dirfd, path, tv, 0)
}

// Utimes does what utimes(2) does, by utimensat.
func Utimes(path string, tv []Timeval) error {
	return utimesAt(AT_FDCWD, path, tv, 0)
}

// Lutimes is [Utimes] that does not follow a symbolic link.
func Lutimes(path string, tv []Timeval) error {
	return utimesAt(AT_FDCWD, path, tv, AT_SYMLINK_NOFOLLOW)
}

// Futimes is [Utimes] for an open file, by its name in /proc.
func Futimes(fd int, tv []Timeval) (err error) {
	return Utimes("/proc/self/fd/"+strconv.Itoa(fd), tv)
}

// Utime does what utime(2) does, by utimensat: it sets the times in seconds, or
// makes them now when buf is nil.
func Utime(path string, buf *Utimbuf) (err error) {
	if buf == nil {
		return UtimesNano(path, nil)
	}
	return UtimesNano(path, []Timespec{{Sec: buf.Actime}, {Sec: buf.Modtime}})
}

// FanotifyMark calls fanotify_mark(2). An empty pathname is the directory of
// dirFd itself.
func FanotifyMark(fd int, flags uint, mask uint64, dirFd int, pathname string) (err error) {
	if pathname == "" {
		return RawFanotifyMark(fd, flags, mask, dirFd, nil)
	}
	var buf stringBuf
	p, err := cstring(&buf, pathname)
	if err != nil {
		return err
	}
	return RawFanotifyMark(fd, flags, mask, dirFd, p)
}

// FileHandle names a file whatever becomes of its path; it is valid as long as
// its file system is mounted, and often longer.
type FileHandle struct {
	*fileHandle
}

// maxHandle is the kernel's MAX_HANDLE_SZ.
const maxHandle = 128

type fileHandle struct {
	FileHandleHeader
	bytes [maxHandle]byte
}

// NewFileHandle makes a handle of what [FileHandle.Type] and [FileHandle.Bytes]
// gave. It keeps at most the 128 bytes that the kernel knows.
func NewFileHandle(handleType int32, handle []byte) FileHandle {
	h := &fileHandle{FileHandleHeader: FileHandleHeader{Type: handleType}}
	h.Bytes = uint32(copy(h.bytes[:], handle))
	return FileHandle{h}
}

// Size is the number of bytes in the handle.
func (h FileHandle) Size() int { return int(h.fileHandle.FileHandleHeader.Bytes) }

// Type is the file system's own type of handle.
func (h FileHandle) Type() int32 { return h.fileHandle.FileHandleHeader.Type }

// Bytes is the handle, which the result shares with h.
func (h FileHandle) Bytes() []byte { return h.bytes[:h.Size()] }

// NameToHandleAt calls name_to_handle_at(2).
func NameToHandleAt(dirfd int, path string, flags int) (handle FileHandle, mountID int, err error) {
	h := &fileHandle{FileHandleHeader: FileHandleHeader{Bytes: maxHandle}}
	var id [2]int32 // 64 bits with AT_HANDLE_MNT_ID_UNIQUE
	if err := RawNameToHandleAt(dirfd, path, &h.FileHandleHeader, &id[0], flags); err != nil {
		return FileHandle{}, 0, err
	}
	if flags&AT_HANDLE_MNT_ID_UNIQUE != 0 {
		return FileHandle{h}, int(*(*int64)(unsafe.Pointer(&id))), nil
	}
	return FileHandle{h}, int(id[0]), nil
}

// OpenByHandleAt calls open_by_handle_at(2).
func OpenByHandleAt(mountFD int, handle FileHandle, flags int) (fd int, err error) {
	return RawOpenByHandleAt(mountFD, &handle.FileHandleHeader, flags)
}
