// SPDX-License-Identifier: MIT

package sys

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

const (
	clockName    = "__vdso_clock_gettime"
	clockVersion = "LINUX_2.6"
)

// ownImage is a copy of this kernel's vDSO.
func ownImage(t *testing.T) image {
	t.Helper()
	m := findImage()
	if m == nil {
		t.Skip("this kernel has no vDSO")
	}
	return slices.Clone(m)
}

// without is m without a table: its entry gets a tag that means nothing.
func without(m image, tag uint64) image {
	const debug = 21
	m = slices.Clone(m)
	entry, _, size := m.segment(ptDynamic)
	for end := entry + size; entry < end; entry += 16 {
		if at[uint64](m, entry) == tag {
			binary.LittleEndian.PutUint64(m[entry:], debug)
		}
	}
	return m
}

// A kernel has one of the tables, or both.
func TestEachHashTableAloneIsEnough(t *testing.T) {
	m := ownImage(t)
	want := m.find(clockName, clockVersion)
	if want == 0 {
		t.Fatal("nothing is found")
	}
	tables := m.tables()
	for _, tc := range []struct {
		other uint64
		has   bool
	}{{dtGnuHash, tables.hash != 0}, {dtHash, tables.gnuHash != 0}} {
		if got := without(m, tc.other).find(clockName, clockVersion); tc.has && got != want {
			t.Errorf("without %#x: %#x, want %#x", tc.other, got, want)
		}
	}
	if got := without(without(m, dtHash), dtGnuHash).find(clockName, clockVersion); got != 0 {
		t.Errorf("without both: %#x", got)
	}
}

func TestOnlyTheFunctionOfTheVersionIsFound(t *testing.T) {
	m := ownImage(t)
	for _, tc := range []struct{ name, version string }{
		{"__vdso_clock_gettim", clockVersion},
		{"__vdso_clock_gettime_", clockVersion},
		{"", clockVersion},
		{clockName, "LINUX_2.7"},
		{clockName, "linux-vdso.so.1"},
		{clockName, ""},
	} {
		if got := m.find(tc.name, tc.version); got != 0 {
			t.Errorf("%q of %q: %#x", tc.name, tc.version, got)
		}
	}
	for offset, value := range map[int]byte{0: 0, 4: 1, 5: 2, 6: 0, 16: 2, 18: 183, 54: 0, 56: 0} {
		damaged := slices.Clone(m)
		damaged[offset] = value
		if got := damaged.find(clockName, clockVersion); got != 0 {
			t.Errorf("with byte %d of the header %d: %#x", offset, value, got)
		}
	}
}

// Whatever an image is, what is found is in it.
func TestNoDamageIsFatal(t *testing.T) {
	m := ownImage(t)
	text, _, _ := bytes.Cut(m, []byte("GNU\x00")) // the tables stand before
	end := len(text) + 1024
	try := func(what string, at int, m image) {
		if got := m.find(clockName, clockVersion); got != 0 && got >= uint64(len(m)) {
			t.Errorf("%s %d: %#x", what, at, got)
		}
	}
	for _, tag := range []uint64{dtHash, dtGnuHash} {
		m := without(m, tag)
		for n := range min(end, len(m)) {
			try("cut at", n, m[:n:n])
		}
		for i := range min(end, len(m)) {
			for _, mask := range []byte{1, 4, 0x10, 0x80, 0xff} {
				m[i] ^= mask
				try("damaged at", i, m)
				m[i] ^= mask
			}
		}
	}
}
