/* SPDX-License-Identifier: MIT */
/*
 * Images of a vDSO, whole and damaged. Each ends where memory does, so that a
 * read behind it ends the test.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/vdso.h>

#include "check.h"
#include "vdso_image.h"

enum { ROOM = 64 * 1024, GUARD = 64 * 1024 };

static char *memory_end;

static int map_memory(void)
{
	char *p = shim_mmap(NULL, ROOM + GUARD,
			    SHIM_PROT_READ | SHIM_PROT_WRITE,
			    SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);

	if (shim_ptr_err(p))
		return 0;
	memory_end = p + ROOM;
	return shim_mprotect(p + ROOM, GUARD, SHIM_PROT_NONE) == 0;
}

/* The first size bytes, as near to the end as their alignment lets them be. */
static char *place(const struct vdso_image *im, size_t size)
{
	char *to;

	if (!memory_end && !map_memory())
		shim_exit_group(1);
	to = memory_end - ((size + 7) & ~(size_t)7);
	for (size_t i = 0; i < size; i++)
		to[i] = ((const char *)im)[i];
	return to;
}

static int init(struct shim_vdso *vdso, const struct vdso_image *im)
{
	return shim_vdso_init_image(vdso, place(im, sizeof(*im)), sizeof(*im));
}

/* Whether a function is the symbol of that number; 0: missing. */
static int is_symbol(uintptr_t function, size_t number)
{
	uintptr_t image = (uintptr_t)(memory_end - sizeof(struct vdso_image));

	if (!number)
		return !function;
	return function == image + offsetof(struct vdso_image, code) + number;
}

static void check_found(const struct shim_vdso *vdso, size_t gettime,
			size_t timeofday, size_t getres)
{
	CHECK(is_symbol((uintptr_t)vdso->clock_gettime, gettime));
	CHECK(is_symbol((uintptr_t)vdso->gettimeofday, timeofday));
	CHECK(is_symbol((uintptr_t)vdso->clock_getres, getres));
	CHECK(!vdso->getrandom && !vdso->time && !vdso->getcpu);
}

static void each_hash_table_alone_is_enough(void)
{
	static const struct {
		const char *name;
		int hashes;
	} cases[] = {
		{ "DT_HASH", IMAGE_HASH },
		{ "DT_GNU_HASH", IMAGE_GNU_HASH },
		{ "both", IMAGE_HASH | IMAGE_GNU_HASH },
	};
	struct shim_vdso vdso;
	struct vdso_image im;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_case(cases[i].name);
		image_make(&im, cases[i].hashes);
		CHECK_EQ(init(&vdso, &im), 0);
		check_found(&vdso, SYM_CLOCK_GETTIME, SYM_GETTIMEOFDAY,
			    SYM_CLOCK_GETRES);
	}
	check_case("");
	image_make(&im, 0);
	CHECK_EQ(init(&vdso, &im), -SHIM_EINVAL);
	check_found(&vdso, 0, 0, 0);
}

static void a_symbol_counts_only_if_it_is_a_function_of_the_version(void)
{
	for (int hashes = IMAGE_HASH; hashes <= IMAGE_GNU_HASH; hashes++) {
		struct shim_vdso vdso;
		struct vdso_image im;

		check_case(hashes == IMAGE_HASH ? "DT_HASH" : "DT_GNU_HASH");
		image_make(&im, hashes);
		im.symbol_versions[SYM_CLOCK_GETTIME] = 1;
		im.symbols[SYM_GETTIMEOFDAY].section = 0;
		CHECK_EQ(init(&vdso, &im), 0);
		check_found(&vdso, 0, 0, SYM_CLOCK_GETRES);

		image_make(&im, hashes);
		im.symbols[SYM_GETTIMEOFDAY].info = 2;		/* local */
		im.symbols[SYM_CLOCK_GETRES].info = 1 << 4 | 1; /* data */
		/* Hidden, which is for linkers; weak. */
		im.symbol_versions[SYM_CLOCK_GETTIME] |= 0x8000;
		im.symbols[SYM_CLOCK_GETTIME].info = 2 << 4 | 2;
		CHECK_EQ(init(&vdso, &im), 0);
		check_found(&vdso, SYM_CLOCK_GETTIME, 0, 0);

		image_make(&im, hashes);
		im.symbols[SYM_CLOCK_GETTIME].value =
			IMAGE_ADDRESS + sizeof(im);
		im.symbols[SYM_GETTIMEOFDAY].value = 0;
		im.symbols[SYM_CLOCK_GETRES].name = sizeof(im.strings) - 3;
		CHECK_EQ(init(&vdso, &im), -SHIM_ENOENT);
		check_found(&vdso, 0, 0, 0);
	}
	check_case("");
}

static void an_image_without_the_version_has_nothing(void)
{
	struct shim_vdso vdso;
	struct vdso_image im;

	image_make(&im, IMAGE_HASH);
	im.versions[1].flags = 1;
	CHECK_EQ(init(&vdso, &im), -SHIM_ENOENT);
	image_make(&im, IMAGE_HASH);
	im.versions[0].next = 0;
	CHECK_EQ(init(&vdso, &im), -SHIM_ENOENT);
	image_make(&im, IMAGE_HASH);
	im.strings[im.versions[1].name] ^= 1;
	CHECK_EQ(init(&vdso, &im), -SHIM_ENOENT);
	check_found(&vdso, 0, 0, 0);
}

static void what_is_of_another_kind_is_refused(void)
{
	/* Offsets in the header, and what may not be there. */
	static const struct {
		const char *name;
		size_t offset;
		char value;
	} cases[] = {
		{ "no magic number", 0, 0 },   { "32 bits", 4, 1 },
		{ "big-endian", 5, 2 },	       { "no version of ELF", 6, 0 },
		{ "a program", 16, 2 },	       { "another CPU", 18, 3 },
		{ "small segments", 54, 32 },  { "no segment", 56, 0 },
		{ "no dynamic table", 56, 1 },
	};
	struct shim_vdso vdso;
	struct vdso_image im;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_case(cases[i].name);
		image_make(&im, IMAGE_HASH | IMAGE_GNU_HASH);
		((char *)&im)[cases[i].offset] = cases[i].value;
		CHECK_EQ(init(&vdso, &im), -SHIM_EINVAL);
		check_found(&vdso, 0, 0, 0);
	}
	check_case("");
}

static void a_ring_in_the_hash_table_ends(void)
{
	struct shim_vdso vdso;
	struct vdso_image im;

	image_make(&im, IMAGE_HASH);
	for (uint32_t i = 0; i < IMAGE_SYMBOLS; i++)
		im.hash.chains[i] = SYM_OTHER;
	im.hash.buckets[0] = im.hash.buckets[1] = SYM_OTHER;
	CHECK_EQ(init(&vdso, &im), -SHIM_ENOENT);
	im.versions[1].next = 0;
	im.versions[0].next = 0xfffffffc;
	CHECK_EQ(init(&vdso, &im), -SHIM_ENOENT);
}

/* Nothing, or functions that are in the image. */
static int sound(const struct shim_vdso *vdso, int err, const char *image,
		 size_t size)
{
	const uintptr_t found[] = {
		(uintptr_t)vdso->getrandom,    (uintptr_t)vdso->clock_gettime,
		(uintptr_t)vdso->clock_getres, (uintptr_t)vdso->gettimeofday,
		(uintptr_t)vdso->time,	       (uintptr_t)vdso->getcpu,
	};
	int nr = 0;

	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		if (!found[i])
			continue;
		nr++;
		if (found[i] - (uintptr_t)image >= size)
			return 0;
	}
	return nr ? !err : err == -SHIM_EINVAL || err == -SHIM_ENOENT;
}

static void every_truncation_is_survived(void)
{
	struct vdso_image im;
	int wrong = 0;

	for (int hashes = IMAGE_HASH; hashes <= IMAGE_GNU_HASH; hashes++) {
		image_make(&im, hashes);
		for (size_t size = 0; size < sizeof(im); size++) {
			const char *image = place(&im, size);
			struct shim_vdso vdso;
			int err = shim_vdso_init_image(&vdso, image, size);

			wrong += !sound(&vdso, err, image, size);
		}
	}
	CHECK_EQ(wrong, 0);
}

static void every_damaged_byte_is_survived(void)
{
	static const uint8_t masks[] = { 0x01, 0x04, 0x10, 0x80, 0xff };
	struct vdso_image im;
	int wrong = 0;

	for (int hashes = IMAGE_HASH; hashes <= IMAGE_GNU_HASH; hashes++) {
		image_make(&im, hashes);
		for (size_t i = 0; i < 5 * sizeof(im); i++) {
			char *image = place(&im, sizeof(im));
			struct shim_vdso vdso;
			int err;

			image[i / 5] ^= (char)masks[i % 5];
			err = shim_vdso_init_image(&vdso, image, sizeof(im));
			wrong += !sound(&vdso, err, image, sizeof(im));
		}
	}
	CHECK_EQ(wrong, 0);
}

static void much_damage_is_survived(void)
{
	uint32_t seed = 1, rounds = check_small() ? 2000 : 50000;
	struct vdso_image im;
	int wrong = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		struct shim_vdso vdso;
		char *image;
		int err;

		image_make(&im, (int)(1 + i % 3));
		image = place(&im, sizeof(im));
		for (int j = 0; j < 4; j++) {
			seed = seed * 1103515245 + 12345;
			/* Behind the magic number, or little is looked at. */
			image[20 + (seed >> 8) % (sizeof(im) - 20)] =
				(char)(seed >> 24);
		}
		err = shim_vdso_init_image(&vdso, image, sizeof(im));
		wrong += !sound(&vdso, err, image, sizeof(im));
	}
	CHECK_EQ(wrong, 0);
}

static const struct check_test vdso_image_tests[] = {
	{ "each_hash_table_alone_is_enough", each_hash_table_alone_is_enough },
	{ "a_symbol_counts_only_if_it_is_a_function_of_the_version",
	  a_symbol_counts_only_if_it_is_a_function_of_the_version },
	{ "an_image_without_the_version_has_nothing",
	  an_image_without_the_version_has_nothing },
	{ "what_is_of_another_kind_is_refused",
	  what_is_of_another_kind_is_refused },
	{ "a_ring_in_the_hash_table_ends", a_ring_in_the_hash_table_ends },
	{ "every_truncation_is_survived", every_truncation_is_survived },
	{ "every_damaged_byte_is_survived", every_damaged_byte_is_survived },
	{ "much_damage_is_survived", much_damage_is_survived },
};

CHECK_MAIN(vdso_image, vdso_image_tests)
