// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"os/exec"
	"testing"

	"example.com/syshim/gobind/spawn"
)

// BenchmarkSpawn starts a program and waits for its end.
func BenchmarkSpawn(b *testing.B) {
	b.Run("impl=spawn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			check(b, spawn.Command("/bin/true").Run())
		}
	})
	b.Run("impl=start", func(b *testing.B) {
		o := &spawn.Options{Path: "/bin/true", Args: []string{"true"}}
		b.ReportAllocs()
		for b.Loop() {
			pid, pidfd, err := spawn.Start(o)
			check(b, err)
			reap(b, pid, pidfd)
		}
	})
	b.Run("impl=os", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			check(b, exec.Command("/bin/true").Run())
		}
	})
}
