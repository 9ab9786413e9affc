// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"testing"

	"example.com/syshim/gobind/sys"
)

func TestSharedMemoryIsSharedAndGivenBack(t *testing.T) {
	id, err := sys.SysvShmGet(sys.IPC_PRIVATE, 5000, sys.IPC_CREAT|0o600)
	implemented(t, "SysvShmGet", err)
	check(t, err)
	defer sys.SysvShmCtl(id, sys.IPC_RMID, nil)
	a, err := sys.SysvShmAttach(id, 0, 0)
	check(t, err)
	b, err := sys.SysvShmAttach(id, 0, 0)
	check(t, err)
	a[4999] = 77
	if len(a) != 5000 || len(b) != 5000 || b[4999] != 77 {
		t.Errorf("%d bytes and %d, the last %d", len(a), len(b), b[4999])
	}
	var desc sys.SysvShmDesc
	_, err = sys.SysvShmCtl(id, sys.IPC_STAT, &desc)
	check(t, err)
	if desc.Segsz != 5000 || desc.Nattch != 2 || int(desc.Cpid) != sys.Getpid() {
		t.Errorf("%+v", desc)
	}
	wantErrno(t, "SysvShmDetach of a part", sys.SysvShmDetach(a[:100]), sys.EINVAL)
	wantErrno(t, "SysvShmDetach of nothing", sys.SysvShmDetach(nil), sys.EINVAL)
	check(t, sys.SysvShmDetach(a))
	check(t, sys.SysvShmDetach(b))
	_, err = sys.SysvShmCtl(id, sys.IPC_STAT, &desc)
	check(t, err)
	if desc.Nattch != 0 {
		t.Errorf("%d are still attached", desc.Nattch)
	}
	_, err = sys.SysvShmAttach(-1, 0, 0)
	wantErrno(t, "SysvShmAttach", err, sys.EINVAL)
}
