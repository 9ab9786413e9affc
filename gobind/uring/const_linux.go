// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import "example.com/syshim/gobind/sys"

// Op is what a request does.
type Op uint8

// The kernel of a program may lack some of them: ask [Ring.Probe].
const (
	OpNop            Op = sys.IORING_OP_NOP
	OpReadv          Op = sys.IORING_OP_READV
	OpWritev         Op = sys.IORING_OP_WRITEV
	OpFsync          Op = sys.IORING_OP_FSYNC
	OpReadFixed      Op = sys.IORING_OP_READ_FIXED
	OpWriteFixed     Op = sys.IORING_OP_WRITE_FIXED
	OpPollAdd        Op = sys.IORING_OP_POLL_ADD
	OpPollRemove     Op = sys.IORING_OP_POLL_REMOVE
	OpSyncFileRange  Op = sys.IORING_OP_SYNC_FILE_RANGE
	OpSendmsg        Op = sys.IORING_OP_SENDMSG
	OpRecvmsg        Op = sys.IORING_OP_RECVMSG
	OpTimeout        Op = sys.IORING_OP_TIMEOUT
	OpTimeoutRemove  Op = sys.IORING_OP_TIMEOUT_REMOVE
	OpAccept         Op = sys.IORING_OP_ACCEPT
	OpAsyncCancel    Op = sys.IORING_OP_ASYNC_CANCEL
	OpLinkTimeout    Op = sys.IORING_OP_LINK_TIMEOUT
	OpConnect        Op = sys.IORING_OP_CONNECT
	OpFallocate      Op = sys.IORING_OP_FALLOCATE
	OpOpenat         Op = sys.IORING_OP_OPENAT
	OpClose          Op = sys.IORING_OP_CLOSE
	OpFilesUpdate    Op = sys.IORING_OP_FILES_UPDATE
	OpStatx          Op = sys.IORING_OP_STATX
	OpRead           Op = sys.IORING_OP_READ
	OpWrite          Op = sys.IORING_OP_WRITE
	OpFadvise        Op = sys.IORING_OP_FADVISE
	OpMadvise        Op = sys.IORING_OP_MADVISE
	OpSend           Op = sys.IORING_OP_SEND
	OpRecv           Op = sys.IORING_OP_RECV
	OpOpenat2        Op = sys.IORING_OP_OPENAT2
	OpEpollCtl       Op = sys.IORING_OP_EPOLL_CTL
	OpSplice         Op = sys.IORING_OP_SPLICE
	OpProvideBuffers Op = sys.IORING_OP_PROVIDE_BUFFERS
	OpRemoveBuffers  Op = sys.IORING_OP_REMOVE_BUFFERS
	OpTee            Op = sys.IORING_OP_TEE
	OpShutdown       Op = sys.IORING_OP_SHUTDOWN
	OpRenameat       Op = sys.IORING_OP_RENAMEAT
	OpUnlinkat       Op = sys.IORING_OP_UNLINKAT
	OpMkdirat        Op = sys.IORING_OP_MKDIRAT
	OpSymlinkat      Op = sys.IORING_OP_SYMLINKAT
	OpLinkat         Op = sys.IORING_OP_LINKAT
	OpMsgRing        Op = sys.IORING_OP_MSG_RING
	OpFsetxattr      Op = sys.IORING_OP_FSETXATTR
	OpSetxattr       Op = sys.IORING_OP_SETXATTR
	OpFgetxattr      Op = sys.IORING_OP_FGETXATTR
	OpGetxattr       Op = sys.IORING_OP_GETXATTR
	OpSocket         Op = sys.IORING_OP_SOCKET
	OpUringCmd       Op = sys.IORING_OP_URING_CMD
	OpSendZC         Op = sys.IORING_OP_SEND_ZC
	OpSendmsgZC      Op = sys.IORING_OP_SENDMSG_ZC
	OpReadMultishot  Op = sys.IORING_OP_READ_MULTISHOT
	OpWaitid         Op = sys.IORING_OP_WAITID
	OpFutexWait      Op = sys.IORING_OP_FUTEX_WAIT
	OpFutexWake      Op = sys.IORING_OP_FUTEX_WAKE
	OpFutexWaitv     Op = sys.IORING_OP_FUTEX_WAITV
	OpFixedFDInstall Op = sys.IORING_OP_FIXED_FD_INSTALL
	OpFtruncate      Op = sys.IORING_OP_FTRUNCATE
	OpBind           Op = sys.IORING_OP_BIND
	OpListen         Op = sys.IORING_OP_LISTEN
	OpRecvZC         Op = sys.IORING_OP_RECV_ZC
	OpEpollWait      Op = sys.IORING_OP_EPOLL_WAIT
	OpReadvFixed     Op = sys.IORING_OP_READV_FIXED
	OpWritevFixed    Op = sys.IORING_OP_WRITEV_FIXED
	OpPipe           Op = sys.IORING_OP_PIPE
	OpNop128         Op = sys.IORING_OP_NOP128
	OpUringCmd128    Op = sys.IORING_OP_URING_CMD128
)

// SQEFlags change how the kernel treats a request, whatever it does.
type SQEFlags uint8

const (
	// SQEFixedFile: FD is the index of a registered file.
	SQEFixedFile SQEFlags = sys.IOSQE_FIXED_FILE
	// SQEIODrain: start when all earlier requests have completed.
	SQEIODrain SQEFlags = sys.IOSQE_IO_DRAIN
	// SQEIOLink: the next request starts when this one succeeded.
	SQEIOLink SQEFlags = sys.IOSQE_IO_LINK
	// SQEIOHardlink: the next request starts when this one completed.
	SQEIOHardlink SQEFlags = sys.IOSQE_IO_HARDLINK
	// SQEAsync: do not try first, give it to a worker thread.
	SQEAsync SQEFlags = sys.IOSQE_ASYNC
	// SQEBufferSelect: take a provided buffer of the group BufIndex.
	SQEBufferSelect SQEFlags = sys.IOSQE_BUFFER_SELECT
	// SQECQESkipSuccess: no completion unless the request fails.
	SQECQESkipSuccess SQEFlags = sys.IOSQE_CQE_SKIP_SUCCESS
)

// CQEFlags say more about a completion.
type CQEFlags uint32

const (
	// CQEBuffer: the id of a provided buffer is in CQE.BufferID.
	CQEBuffer CQEFlags = sys.IORING_CQE_F_BUFFER
	// CQEMore: not terminal, more completions of this request follow.
	CQEMore CQEFlags = sys.IORING_CQE_F_MORE
	// CQESockNonempty: the socket has more to receive.
	CQESockNonempty CQEFlags = sys.IORING_CQE_F_SOCK_NONEMPTY
	// CQENotif: the kernel no longer uses the buffer of a zero-copy send.
	CQENotif CQEFlags = sys.IORING_CQE_F_NOTIF
	// CQEBufMore: the provided buffer will be filled further.
	CQEBufMore CQEFlags = sys.IORING_CQE_F_BUF_MORE
	// CQESkip: not a completion, but the end of a queue where a large one had
	// no place. It is never handed out.
	CQESkip CQEFlags = sys.IORING_CQE_F_SKIP
	// CQEBig: a completion of 32 bytes in a ring with [SetupCQEMixed].
	CQEBig CQEFlags = sys.IORING_CQE_F_32
)

// SetupFlags choose what a ring is like. io_uring_setup(2) explains them.
type SetupFlags uint32

// New knows these flags; some have an option of their own, which says more.
const (
	SetupIOPoll       SetupFlags = sys.IORING_SETUP_IOPOLL
	SetupSQPoll       SetupFlags = sys.IORING_SETUP_SQPOLL
	SetupSQAff        SetupFlags = sys.IORING_SETUP_SQ_AFF
	SetupCQSize       SetupFlags = sys.IORING_SETUP_CQSIZE
	SetupClamp        SetupFlags = sys.IORING_SETUP_CLAMP
	SetupAttachWQ     SetupFlags = sys.IORING_SETUP_ATTACH_WQ
	SetupRDisabled    SetupFlags = sys.IORING_SETUP_R_DISABLED
	SetupSubmitAll    SetupFlags = sys.IORING_SETUP_SUBMIT_ALL
	SetupCoopTaskrun  SetupFlags = sys.IORING_SETUP_COOP_TASKRUN
	SetupTaskrunFlag  SetupFlags = sys.IORING_SETUP_TASKRUN_FLAG
	SetupSingleIssuer SetupFlags = sys.IORING_SETUP_SINGLE_ISSUER
	SetupDeferTaskrun SetupFlags = sys.IORING_SETUP_DEFER_TASKRUN
	SetupNoSQArray    SetupFlags = sys.IORING_SETUP_NO_SQARRAY
	SetupHybridIOPoll SetupFlags = sys.IORING_SETUP_HYBRID_IOPOLL

	// SetupSQE128: entries of 128 bytes, for [Ring.NextSQE128].
	SetupSQE128 SetupFlags = sys.IORING_SETUP_SQE128
	// SetupCQE32: completions of 32 bytes, for [Ring.Completions32].
	SetupCQE32 SetupFlags = sys.IORING_SETUP_CQE32
	// SetupNoMmap: for [WithMemory] and [WithHugePage].
	SetupNoMmap SetupFlags = sys.IORING_SETUP_NO_MMAP
	// SetupRegisteredFDOnly: for [WithoutFD].
	SetupRegisteredFDOnly SetupFlags = sys.IORING_SETUP_REGISTERED_FD_ONLY
	// SetupCQEMixed: completions of 16 and of 32 bytes. Since Linux 6.18.
	SetupCQEMixed SetupFlags = sys.IORING_SETUP_CQE_MIXED
	// SetupSQEMixed: entries of 64 and, with [OpNop128] and [OpUringCmd128],
	// of 128 bytes. Since Linux 6.19.
	SetupSQEMixed SetupFlags = sys.IORING_SETUP_SQE_MIXED
	// SetupSQRewind: the entries of each Submit are the first ones of the
	// queue, which stay in the CPU's caches. Needs SetupNoSQArray. Since Linux
	// 7.0.
	SetupSQRewind SetupFlags = sys.IORING_SETUP_SQ_REWIND

	setupHandled = 1<<len(setupNames) - 1
)

func (f SetupFlags) has(flags SetupFlags) bool { return f&flags != 0 }

// sqShift and cqShift say how many places an entry takes, as a power of two.
func (f SetupFlags) sqShift() uint8 {
	if f.has(SetupSQE128) {
		return 1
	}
	return 0
}

func (f SetupFlags) cqShift() uint8 {
	if f.has(SetupCQE32) {
		return 1
	}
	return 0
}

// Features are what the kernel of a ring can do. io_uring_setup(2) explains
// them.
type Features uint32

const (
	FeatSingleMmap     Features = sys.IORING_FEAT_SINGLE_MMAP
	FeatNodrop         Features = sys.IORING_FEAT_NODROP
	FeatSubmitStable   Features = sys.IORING_FEAT_SUBMIT_STABLE
	FeatRWCurPos       Features = sys.IORING_FEAT_RW_CUR_POS
	FeatCurPersonality Features = sys.IORING_FEAT_CUR_PERSONALITY
	FeatFastPoll       Features = sys.IORING_FEAT_FAST_POLL
	FeatPoll32Bits     Features = sys.IORING_FEAT_POLL_32BITS
	FeatSQPollNonfixed Features = sys.IORING_FEAT_SQPOLL_NONFIXED
	FeatExtArg         Features = sys.IORING_FEAT_EXT_ARG
	FeatNativeWorkers  Features = sys.IORING_FEAT_NATIVE_WORKERS
	FeatRsrcTags       Features = sys.IORING_FEAT_RSRC_TAGS
	FeatCQESkip        Features = sys.IORING_FEAT_CQE_SKIP
	FeatLinkedFile     Features = sys.IORING_FEAT_LINKED_FILE
	FeatRegRegRing     Features = sys.IORING_FEAT_REG_REG_RING
	FeatRecvsendBundle Features = sys.IORING_FEAT_RECVSEND_BUNDLE
	FeatMinTimeout     Features = sys.IORING_FEAT_MIN_TIMEOUT
	FeatRWAttr         Features = sys.IORING_FEAT_RW_ATTR
	FeatNoIOWait       Features = sys.IORING_FEAT_NO_IOWAIT
)

// TimeoutFlags are for [SQE.Timeout].
type TimeoutFlags uint32

const (
	// TimeoutAbs: a point in time, not a span from now on.
	TimeoutAbs TimeoutFlags = sys.IORING_TIMEOUT_ABS
	// TimeoutBoottime and TimeoutRealtime choose a clock other than
	// CLOCK_MONOTONIC.
	TimeoutBoottime TimeoutFlags = sys.IORING_TIMEOUT_BOOTTIME
	TimeoutRealtime TimeoutFlags = sys.IORING_TIMEOUT_REALTIME
	// TimeoutEtimeSuccess: links go on after the timeout has expired.
	TimeoutEtimeSuccess TimeoutFlags = sys.IORING_TIMEOUT_ETIME_SUCCESS
	// TimeoutMultishot: again and again.
	TimeoutMultishot TimeoutFlags = sys.IORING_TIMEOUT_MULTISHOT
)

// CancelFlags are for [SQE.Cancel] and [SQE.CancelFD]. All of them need Linux
// 5.19 or later.
type CancelFlags uint32

const (
	// CancelAll: not only the first request that matches. The result is how
	// many there were.
	CancelAll CancelFlags = sys.IORING_ASYNC_CANCEL_ALL
	// CancelAny: every request matches.
	CancelAny CancelFlags = sys.IORING_ASYNC_CANCEL_ANY
	// CancelFDFixed: the descriptor is the index of a registered file.
	CancelFDFixed CancelFlags = sys.IORING_ASYNC_CANCEL_FD_FIXED
)

// FileIndexAlloc, for the index of a registered file, is any that is free.
const FileIndexAlloc = sys.IORING_FILE_INDEX_ALLOC

// FsyncFlags are for [SQE.Fsync].
type FsyncFlags uint32

// FsyncDatasync: not the metadata that reading does not need.
const FsyncDatasync FsyncFlags = sys.IORING_FSYNC_DATASYNC

// PollUpdateFlags are for [SQE.PollUpdate].
type PollUpdateFlags uint32

const (
	// PollUpdateEvents: the poll gets new events.
	PollUpdateEvents PollUpdateFlags = sys.IORING_POLL_UPDATE_EVENTS
	// PollUpdateUserData: the poll gets a new UserData.
	PollUpdateUserData PollUpdateFlags = sys.IORING_POLL_UPDATE_USER_DATA
	// PollUpdateMultishot: the poll stays one that completes at every event.
	PollUpdateMultishot PollUpdateFlags = sys.IORING_POLL_ADD_MULTI
)

// MsgRingFlags are for [SQE.MsgRing] and its kin.
type MsgRingFlags uint32

const (
	// MsgRingCQESkip: the other ring gets no completion.
	MsgRingCQESkip MsgRingFlags = sys.IORING_MSG_RING_CQE_SKIP
	// MsgRingFlagsPass: the completion has the given flags.
	MsgRingFlagsPass MsgRingFlags = sys.IORING_MSG_RING_FLAGS_PASS
)

// PollMultishot goes into Len of a poll: it completes at every event.
const PollMultishot uint32 = sys.IORING_POLL_ADD_MULTI

// These go into IOPrio of the operation in their names.
const (
	AcceptMultishot   uint16 = sys.IORING_ACCEPT_MULTISHOT
	AcceptDontwait    uint16 = sys.IORING_ACCEPT_DONTWAIT
	AcceptPollFirst   uint16 = sys.IORING_ACCEPT_POLL_FIRST
	RecvMultishot     uint16 = sys.IORING_RECV_MULTISHOT
	RecvsendPollFirst uint16 = sys.IORING_RECVSEND_POLL_FIRST
	RecvsendBundle    uint16 = sys.IORING_RECVSEND_BUNDLE
	RecvsendFixedBuf  uint16 = sys.IORING_RECVSEND_FIXED_BUF
	SendVectorized    uint16 = sys.IORING_SEND_VECTORIZED
	SendZCReportUsage uint16 = sys.IORING_SEND_ZC_REPORT_USAGE
)
