/* SPDX-License-Identifier: MIT */
/* What this CPU calls a relocation that adds the load address. */
#ifndef SHIM_ELF_H
#define SHIM_ELF_H

#define R_RELATIVE 8

#endif
