// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// Each array has the length on both sides, or this does not compile.
var (
	_ [unsafe.Sizeof(sys.IoUringSqe{})]byte               = [unsafe.Sizeof(SQE{})]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.Flags)]byte       = [unsafe.Offsetof(SQE{}.Flags)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.Ioprio)]byte      = [unsafe.Offsetof(SQE{}.IOPrio)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.Fd)]byte          = [unsafe.Offsetof(SQE{}.FD)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.Off)]byte         = [unsafe.Offsetof(SQE{}.Off)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.Addr)]byte        = [unsafe.Offsetof(SQE{}.Addr)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.Len)]byte         = [unsafe.Offsetof(SQE{}.Len)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.OpFlags)]byte     = [unsafe.Offsetof(SQE{}.OpFlags)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.UserData)]byte    = [unsafe.Offsetof(SQE{}.UserData)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.BufIndex)]byte    = [unsafe.Offsetof(SQE{}.BufIndex)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.Personality)]byte = [unsafe.Offsetof(SQE{}.Personality)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.SpliceFdIn)]byte  = [unsafe.Offsetof(SQE{}.FileIndex)]byte{}
	_ [unsafe.Offsetof(sys.IoUringSqe{}.Addr3)]byte       = [unsafe.Offsetof(SQE{}.Addr3)]byte{}
	_ [unsafe.Sizeof(sys.IoUringCqe{})]byte               = [unsafe.Sizeof(CQE{})]byte{}
	_ [unsafe.Offsetof(sys.IoUringCqe{}.Res)]byte         = [unsafe.Offsetof(CQE{}.Res)]byte{}
	_ [unsafe.Offsetof(sys.IoUringCqe{}.Flags)]byte       = [unsafe.Offsetof(CQE{}.Flags)]byte{}
	_ [unsafe.Sizeof(sys.IoUringProbe{})]byte             = [unsafe.Offsetof(Probe{}.ops)]byte{}
)
