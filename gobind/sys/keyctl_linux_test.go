// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"runtime"
	"strings"
	"testing"

	"example.com/syshim/gobind/sys"
)

func TestKeyIsAddedAndFound(t *testing.T) {
	// The keyring is that of the credentials, which each thread has of its own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ring, err := sys.KeyctlGetKeyringID(sys.KEY_SPEC_PROCESS_KEYRING, true)
	implemented(t, "KeyctlGetKeyringID", err)
	if err == sys.EPERM || err == sys.EDQUOT {
		t.Skipf("keys are not allowed here: %v", err)
	}
	check(t, err)
	id, err := sys.AddKey("user", "syshim test", []byte("secret"), ring)
	check(t, err)
	found, err := sys.KeyctlSearch(ring, "user", "syshim test", 0)
	check(t, err)
	text, err := sys.KeyctlString(sys.KEYCTL_DESCRIBE, id)
	check(t, err)
	b := make([]byte, 16)
	n, err := sys.KeyctlBuffer(sys.KEYCTL_READ, id, b, 0)
	check(t, err)
	if found != id || string(b[:n]) != "secret" || !strings.HasSuffix(text, ";syshim test") {
		t.Errorf("key %d, found %d: %q, %q", id, found, text, b[:n])
	}
	_, err = sys.KeyctlSearch(ring, "user", "no such key", 0)
	wantErrno(t, "KeyctlSearch", err, sys.ENOKEY)
	_, err = sys.KeyctlString(sys.KEYCTL_DESCRIBE, -1000)
	wantErrno(t, "KeyctlString", err, sys.EINVAL)
}
