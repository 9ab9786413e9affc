/* SPDX-License-Identifier: MIT */
/* What ELF files of this CPU say, and what its vDSO calls its functions. */
#ifndef SHIM_ELF_H
#define SHIM_ELF_H

#define ELF_MACHINE 183

/* The relocation that adds the load address. */
#define R_RELATIVE 1027

#define VDSO_VERSION "LINUX_2.6.39"
#define VDSO_NAME(call) "__kernel_" #call

#endif
