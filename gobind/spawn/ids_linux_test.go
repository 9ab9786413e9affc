// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

const (
	// idsUser has the ranges of "user", for whom root mounts idsFiles.
	idsUser   = 1234
	newUIDMap = "/usr/bin/newuidmap"
	newGIDMap = "/usr/bin/newgidmap"
)

var idsFiles = map[string]string{
	"/etc/passwd": "root:x:0:0::/:/bin/sh\nshim:x:1234:1234::/:/bin/sh\n",
	"/etc/subuid": "shim:100000:65536\nshim:300000:1000\n",
	"/etc/subgid": "shim:100000:65536\nshim:300000:1000\n",
}

// rangesOf are those of the table.
func rangesOf(who string) (maps []spawn.IDMap) {
	for _, r := range spawnIdRanges {
		if r.who == who {
			maps = append(maps, spawn.IDMap{Inside: uint32(r.inside), Outside: uint32(r.outside), Count: uint32(r.count)})
		}
	}
	return maps
}

// withRanges is a user namespace with these, whose program is somebody of the
// last.
func withRanges(uids, gids []spawn.IDMap) *spawn.Attr {
	return &spawn.Attr{
		Namespaces: sys.CLONE_NEWUSER, UIDs: uids, GIDs: gids, AllowSetgroups: true,
		UID: ptr(uint32(70001)), GID: ptr(uint32(5)), Groups: []uint32{3, 1000},
	}
}

// showIDs writes who a program is, and the maps without their blanks.
const showIDs = `id -u; id -g; id -G; while read a b c; do echo $a:$b:$c; done </proc/self/uid_map
while read a b c; do echo $a:$b:$c; done </proc/self/gid_map`

func shownIDs(maps []spawn.IDMap) string {
	text := ""
	for _, m := range maps {
		text += fmt.Sprintf("%d:%d:%d\n", m.Inside, m.Outside, m.Count)
	}
	return "70001\n5\n5 3 1000\n" + text + text
}

// giveFiles is a helper that gives the files "0", "1", ... of a directory away,
// and writes what comes of it.
func giveFiles(args []string) {
	for i, g := range spawnIdGifts {
		errno := syscall.Errno(0)
		errors.As(syscall.Chown(filepath.Join(args[0], strconv.Itoa(i)), g.user, g.group), &errno)
		fmt.Println(-int(errno))
	}
}

func TestRangesOfRootAreSeenOnBothSides(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	needNamespaces(t, ownUser(0))
	maps := rangesOf("root")
	wantOutput(t, withAttr(withRanges(maps, maps), "/bin/sh", "-c", showIDs), shownIDs(maps))
	needSelf(t)
	dir := t.TempDir()
	want := ""
	for i, g := range spawnIdGifts {
		check(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600))
		want += fmt.Sprintln(g.want)
	}
	c := helper("give", dir)
	c.Attr = withRanges(maps, maps)
	c.Attr.UID, c.Attr.GID = ptr(uint32(0)), ptr(uint32(0))
	wantOutput(t, c, want)
	for i, g := range spawnIdGifts {
		var st syscall.Stat_t
		check(t, syscall.Stat(filepath.Join(dir, strconv.Itoa(i)), &st))
		if int(st.Uid) != g.user_outside || int(st.Gid) != g.group_outside {
			t.Errorf("%d:%d is %d:%d outside, want %d:%d", g.user, g.group, st.Uid, st.Gid, g.user_outside, g.group_outside)
		}
	}
	noChild(t)
}

// mapAsUser is a helper that has maps made by newuidmap, if it may, and writes
// what its programs write, or the error.
func mapAsUser([]string) {
	a := ownUser(0)
	if err := withAttr(a, "/bin/true").Run(); err != nil {
		fmt.Println("no such namespaces here:", err)
		return
	}
	show := func(uids, gids []spawn.IDMap) {
		a := withRanges(uids, gids)
		a.NewUIDMap, a.NewGIDMap = newUIDMap, newGIDMap
		c := withAttr(a, "/bin/sh", "-c", showIDs)
		out, err := c.Output()
		fmt.Printf("%s%v %v\n", out, err, errors.Is(err, sys.EPERM))
	}
	mine, others := rangesOf("user"), rangesOf("others")
	show(mine, mine)
	show(others, mine)
	show(mine, others)
	fmt.Println(withAttr(withRanges(mine, mine), "/bin/true").Run())
}

// needNewUIDMap skips a test where root's programs lend nobody rights to maps.
func needNewUIDMap(t *testing.T) {
	t.Helper()
	for _, path := range []string{newUIDMap, newGIDMap, "/etc/subuid", "/etc/subgid"} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("no newuidmap here (Debian's package uidmap): %v", err)
		}
	}
	if n, err := sys.RawPrctl(sys.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); n != 0 || err != nil {
		t.Skip("no newuidmap here: no_new_privs is set")
	}
}

func TestUserHasRangesByNewuidmapAndNotThoseOfOthers(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	needSelf(t)
	needNewUIDMap(t)
	c := helper("map as user")
	c.Attr = &spawn.Attr{Namespaces: sys.CLONE_NEWNS, UID: ptr(uint32(idsUser)), GID: ptr(uint32(idsUser)), Groups: []uint32{}}
	needNamespaces(t, &spawn.Attr{Namespaces: sys.CLONE_NEWNS})
	dir := t.TempDir()
	for path, text := range idsFiles {
		name := filepath.Join(dir, filepath.Base(path))
		check(t, os.WriteFile(name, []byte(text), 0o644))
		c.Attr.Mounts = append(c.Attr.Mounts, spawn.Mount{Source: name, Target: path, Flags: sys.MS_BIND})
	}
	out, err := c.Output()
	check(t, err)
	if text, found := strings.CutPrefix(string(out), "no such namespaces here: "); found {
		t.Skip("no such namespaces here for another user:", text)
	}
	const refused = "spawn: new%cidmap: new%[1]cidmap: %[1]cid range [100-101) -> [165536-165537) not allowed: exit status 1: operation not permitted true\n"
	want := shownIDs(rangesOf("user")) + "<nil> false\n" + fmt.Sprintf(refused, 'u') + fmt.Sprintf(refused, 'g') +
		"spawn: uid_map: operation not permitted\n"
	if string(out) != want {
		t.Errorf("output\n%swant\n%s", out, want)
	}
	noChild(t)
}
