// SPDX-License-Identifier: MIT

package sys

import "unsafe"

// image is a vDSO: a shared library as it is in memory. Behind its end there
// are zeros for who asks, so that nothing in it need be trusted.
type image []byte

const (
	ptLoad    = 1
	ptDynamic = 2

	dtHash    = 4
	dtStrtab  = 5
	dtSymtab  = 6
	dtGnuHash = 0x6ffffef5
	dtVersym  = 0x6ffffff0
	dtVerdef  = 0x6ffffffc

	headerSize  = 64
	segmentSize = 56
	symbolSize  = 24
)

// at returns the value at an offset.
func at[T uint8 | uint16 | uint32 | uint64](m image, offset uint64) (v T) {
	if n := uint64(len(m)); offset < n && n-offset >= uint64(unsafe.Sizeof(v)) {
		return *(*T)(unsafe.Pointer(&m[offset]))
	}
	return 0
}

// isString says whether the string at an offset is s.
func (m image) isString(offset uint64, s string) bool {
	for i := range len(s) {
		if at[uint8](m, offset+uint64(i)) != s[i] {
			return false
		}
	}
	return at[uint8](m, offset+uint64(len(s))) == 0 && offset < uint64(len(m))
}

// segment returns where the first segment of a kind is, zeros if there is none.
func (m image) segment(kind uint32) (offset, address, size uint64) {
	const phoff, phentsize, phnum = 32, 54, 56
	if at[uint16](m, phentsize) != segmentSize {
		return 0, 0, 0
	}
	header := at[uint64](m, phoff)
	for range at[uint16](m, phnum) {
		if at[uint32](m, header) == kind {
			return at[uint64](m, header+8), at[uint64](m, header+16), at[uint64](m, header+32)
		}
		header += segmentSize
	}
	return 0, 0, 0
}

// isLibrary says whether m is a shared library for this CPU.
func (m image) isLibrary() bool {
	// 64 bits, little-endian; the eighth byte does not count.
	const magic, library, x86 = 0x010102464c457f, 3, 62
	return at[uint64](m, 0)<<8>>8 == magic && at[uint16](m, 16) == library && at[uint16](m, 18) == x86
}

// tables are where those of an image are, as offsets; 0 is none.
type tables struct {
	image
	// bias is what addresses are more than offsets.
	bias                                            uint64
	strings, symbols, hash, gnuHash, versym, verdef uint64
	// version is the index of the one version that counts.
	version uint16
}

func (m image) tables() (t tables) {
	t.image = m
	offset, address, _ := m.segment(ptLoad)
	t.bias = address - offset
	entry, _, size := m.segment(ptDynamic)
	for end := entry + size; entry < end; entry += 16 {
		value := at[uint64](m, entry+8) - t.bias
		switch at[uint64](m, entry) {
		case 0:
			return t
		case dtHash:
			t.hash = value
		case dtStrtab:
			t.strings = value
		case dtSymtab:
			t.symbols = value
		case dtGnuHash:
			t.gnuHash = value
		case dtVersym:
			t.versym = value
		case dtVerdef:
			t.verdef = value
		}
	}
	return t
}

// findVersion returns the index that the symbols of a version have, 0 if there
// is none.
func (t *tables) findVersion(name string) uint16 {
	const base, index = 1, 0x7fff
	for v := t.verdef; ; {
		first := v + uint64(at[uint32](t.image, v+12))
		if at[uint16](t.image, v+2)&base == 0 && t.isString(t.strings+uint64(at[uint32](t.image, first)), name) {
			return at[uint16](t.image, v+4) & index
		}
		// Each is behind the one before, until the image ends.
		next := at[uint32](t.image, v+16)
		if next == 0 {
			return 0
		}
		v += uint64(next)
	}
}

// function returns the offset of symbol i if it is the function name, else 0.
func (t *tables) function(i uint32, name string) uint64 {
	const undefined, notype, function, global, weak = 0, 0, 2, 1, 2
	symbol := t.symbols + uint64(i)*symbolSize
	info := at[uint8](t.image, symbol+4)
	kind, bind := info&15, info>>4
	switch {
	case at[uint16](t.image, t.versym+uint64(i)*2)&0x7fff != t.version,
		kind != function && kind != notype,
		bind != global && bind != weak,
		at[uint16](t.image, symbol+6) == undefined,
		!t.isString(t.strings+uint64(at[uint32](t.image, symbol)), name):
		return 0
	}
	offset := at[uint64](t.image, symbol+8) - t.bias
	if offset >= uint64(len(t.image)) {
		return 0
	}
	return offset
}

// find returns the offset of a function of a version, 0 if there is none.
func (m image) find(name, version string) uint64 {
	if !m.isLibrary() {
		return 0
	}
	t := m.tables()
	if t.strings == 0 || t.symbols == 0 || t.versym == 0 || t.verdef == 0 {
		return 0
	}
	t.version = t.findVersion(version)
	switch {
	case t.version == 0:
		return 0
	case t.gnuHash != 0:
		return t.findByGnuHash(name)
	case t.hash != 0:
		return t.findByHash(name)
	}
	return 0
}

func (t *tables) findByHash(name string) uint64 {
	var h uint32
	for i := range len(name) {
		h = h<<4 + uint32(name[i])
		h ^= h >> 24 & 0xf0
	}
	h &= 0x0fffffff
	buckets, chains := at[uint32](t.image, t.hash), at[uint32](t.image, t.hash+4)
	if buckets == 0 {
		return 0
	}
	entry := t.hash + 8
	i := at[uint32](t.image, entry+uint64(h%buckets)*4)
	entry += uint64(buckets) * 4
	// A chain that is longer than there are symbols is a ring.
	for n := uint32(0); i != 0 && n < min(chains, uint32(len(t.image))); n++ {
		if offset := t.function(i, name); offset != 0 {
			return offset
		}
		i = at[uint32](t.image, entry+uint64(i)*4)
	}
	return 0
}

func (t *tables) findByGnuHash(name string) uint64 {
	h := uint32(5381)
	for i := range len(name) {
		h = h*33 + uint32(name[i])
	}
	buckets, first, filters := at[uint32](t.image, t.gnuHash), at[uint32](t.image, t.gnuHash+4), at[uint32](t.image, t.gnuHash+8)
	if buckets == 0 {
		return 0
	}
	entry := t.gnuHash + 16 + uint64(filters)*8
	i := at[uint32](t.image, entry+uint64(h%buckets)*4)
	if i < first {
		return 0
	}
	entry += uint64(buckets)*4 + uint64(i-first)*4
	// The last of a chain is odd, and the image ends.
	for ; entry < uint64(len(t.image)); i, entry = i+1, entry+4 {
		hash := at[uint32](t.image, entry)
		if hash|1 == h|1 {
			if offset := t.function(i, name); offset != 0 {
				return offset
			}
		}
		if hash&1 != 0 {
			return 0
		}
	}
	return 0
}
