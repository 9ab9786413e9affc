/* SPDX-License-Identifier: MIT */
/*
 * The generator: gen/spec in, C and Go out. Text is read by lex.c, parsed into
 * the model below by parse*.c, resolved and checked by check.c and layout.c,
 * and printed by emit_*.c into memory; output.c compares and writes. Nothing is
 * freed: the program ends within a second.
 */
#ifndef GEN_H
#define GEN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The CPUs, and what everybody calls them. Their order is that of "nr". */
enum { X86_64, AARCH64, NR_CPUS, ANY_CPU = NR_CPUS };

/* No structure of the kernel's is longer; "from 1 to 1048576" in complaints. */
#define COUNT_MAX 1048576
#define COUNT_RANGE "from 1 to 1048576"

struct cpu {
	const char *name;
	const char *go;
	const char *oci;
};

extern const struct cpu cpus[NR_CPUS];

int cpu_find(const char *name);

/* text.c: memory, strings, nearest names. */

struct buf {
	char *s;
	size_t len, cap;
};

void *xalloc(size_t size);
char *xstrndup(const char *s, size_t n);
char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void put(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void put_bytes(struct buf *b, const char *s, size_t n);
/* text, as comment lines that begin with lead and end before column 80. */
void put_wrapped(struct buf *b, const char *lead, const char *text);
bool starts_with(const char *s, const char *prefix);
/* The name of names[] nearest to name, or NULL when none is near. */
const char *nearest(const char *name, const char *const *names, size_t nr);
char *camel(const char *name);
char *upper(const char *name);

/* A growing array: VEC_ADD gives the address of a new, zeroed element. */
#define VEC(type)         \
	struct {          \
		type *v;  \
		size_t n; \
	}
void *vec_grow(void *v, size_t n, size_t size);
#define VEC_ADD(vec)                                                 \
	((vec)->v = vec_grow((vec)->v, (vec)->n, sizeof(*(vec)->v)), \
	 &(vec)->v[(vec)->n++])

/* lex.c: lines, words and complaints. */

struct loc {
	const char *file;
	int line, col;
};

/* One line without its comment; p walks over it. */
struct cur {
	const char *file;
	int line;
	bool indented;
	const char *start, *p;
};

struct file {
	const char *name;
	const char *text;
	size_t len;
};

/* Report "file:line:column: message"; the run fails in the end. */
void complain(struct loc at, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Likewise for name that is not known, with the nearest of names[]. */
void complain_name(struct loc at, const char *what, const char *name,
		   const char *const *names, size_t nr);
int complaints(void);

bool file_valid(const struct file *f);
/* The next line that is not empty; false at the end of the file. */
bool next_line(const struct file *f, size_t *pos, int *line, struct cur *c);

struct loc here(struct cur *c);
bool at_end(struct cur *c);
/* The next word, "" at the end of the line or before punctuation. */
const char *word(struct cur *c, struct loc *at);
bool accept(struct cur *c, char ch);
bool accept_word(struct cur *c, const char *w);
bool expect(struct cur *c, char ch);
const char *quoted(struct cur *c, const char *what);
const char *rest(struct cur *c);
void expect_end(struct cur *c);
bool parse_int(const char *s, int64_t *value);
/* How many elements an array or buffer has: 1 to COUNT_MAX. */
bool parse_count(const char *s, int64_t *length);
/* A kernel version as 256 * major + minor, or 0 after a complaint. */
int version(struct cur *c);

/* The model. */

struct type {
	const char *name; /* in gen/spec */
	const char *c;
	const char *go;	    /* as an argument */
	const char *go_mem; /* in memory */
	int size;
	bool is_signed;
};

struct structure;

enum direction { NOT_POINTER, IN, OUT, INOUT };

struct arg {
	const char *name;
	struct loc at;
	const char *type_name;
	struct loc type_at;
	const struct type *type;
	const struct structure *structure;
	enum direction dir;
	bool nullable;
	bool string;
	bool handle;	      /* an address that is not looked at: addr */
	const char *len_name; /* in brackets: an argument, or a number */
	struct loc len_at;
	int len;	/* argument index, or -1 */
	bool len_bytes; /* the length counts bytes, not elements */
	int64_t fixed;	/* number of elements, or 0 */
	int64_t constant;
	bool is_constant;
	const char *sizeof_name;
	struct loc sizeof_at;
	int sizeof_arg;	     /* argument index, or -1 */
	int64_t packed_size; /* pairs {pointer, size}: the size, or 0 */
	const char *unlike;  /* why it is not as in the kernel */
};

enum returns {
	RET_NONE,
	RET_FD,
	RET_COUNT,
	RET_POINTER,
	RET_VALUE,
	RET_NOTHING,
	RET_INFALLIBLE,
	RET_NORETURN,
};

enum c_policy { C_PLAIN, C_ASM, C_NONE };
enum go_policy { GO_UNSET, GO_SAFE, GO_UNSAFE, GO_RAW, GO_VIA, GO_NONE };
enum race { RACE_NONE, RACE_ACQUIRE, RACE_RELEASE };

struct param {
	const char *name;
	struct loc at;
	const char *arg_name;
	struct loc arg_at;
	int arg;
	const char *type; /* NULL: the argument's own */
};

enum { MAX_ARGS = 6 };

struct call {
	const char *name;
	struct loc at;
	int64_t nr[NR_CPUS]; /* -1: absent */
	struct loc nr_at[NR_CPUS];
	const char *doc, *man, *libc;
	int since;
	const char *since_text;
	enum returns returns;
	bool lookalike; /* results may look like errors */
	bool beyond;	/* the count may exceed the buffer */
	const char *blocks;
	const char *eintr;
	VEC(const char *) traps;
	struct arg args[MAX_ARGS];
	int nr_args;
	int order[NR_CPUS][MAX_ARGS];
	bool has_order;
	enum race race;
	bool per_thread;
	enum c_policy c;
	const char *c_reason;
	enum go_policy go;
	const char *go_reason; /* or the text of "unsafe" */
	const char *go_name, *go_hand;
	struct loc go_at;
	struct param params[MAX_ARGS];
	int nr_params;
	const char *result, *result_type;
	bool drops_result;
	const char *twin;
	struct loc twin_at;
	VEC(const char *) twin_args;
};

/* A number with a name, and no call behind it. */
struct reserved {
	const char *name, *what;
	struct loc at;
	int64_t nr[NR_CPUS];
};

struct constant {
	const char *name;
	struct loc at;
	const char *text[NR_CPUS]; /* as written; NULL: absent */
	int64_t value[NR_CPUS];
	bool per_cpu;
	int since;
};

struct group {
	const char *header;
	const char *doc;
	const char *go_type;
	VEC(struct constant) constants;
};

struct go_field {
	const char *name;
	const char *type;
};

/* A field of a structure, or a nested structure or union with fields. */
struct field {
	const char *name; /* "" when nested without a name */
	struct loc at;
	bool is_union, is_struct;
	const char *type_name;
	struct loc type_at;
	bool pointer, constant;
	const struct type *type;
	const struct structure *structure;
	int64_t count; /* array length, or -1: not an array */
	int since;
	VEC(struct go_field) go;
	bool go_hidden;
	bool ours; /* no UAPI header has a field of this name */
	VEC(struct field *) fields;
	int64_t offset[NR_CPUS], size[NR_CPUS], align[NR_CPUS];
};

struct structure {
	const char *name;
	struct loc at;
	const char *header, *uapi, *go, *strip, *doc;
	const char *go_size; /* a constant for Go: SizeofX */
	int packed;	     /* a CPU, or -1 */
	int only;	     /* a CPU, or -1 */
	int since;
	bool no_c;
	bool flexible;
	bool laid_out, being_laid_out;
	struct field top;
};

/* What an error means. */
struct meaning {
	const char *name, *text;
	struct loc at;
};

/* A number as an argument of a ring operation. */
enum op_rule { OP_PLAIN, OP_SLOT, OP_INDEX };

struct op_type {
	const char *name; /* in gen/spec */
	const char *c, *go;
	int size;
	bool is_signed;
	enum op_rule rule;
};

/* A field of struct io_uring_sqe. */
struct sqe_field {
	const char *name;
	const struct type *type;
	int64_t at;
	int size;
};

struct fill {
	const char *field_name, *value, *sizeof_name;
	struct loc at, value_at;
	struct sqe_field field;
	const struct constant *constant;
	const struct structure *structure; /* its size is the value */
	int64_t number;
};

struct op_arg {
	const char *name, *type_name, *len_name, *field_name;
	struct loc at, type_at, field_at, also_at;
	enum direction dir;
	bool string;
	const struct op_type *type; /* of a number */
	const struct type *pointee;
	const struct structure *structure;
	int len; /* argument index, or -1 */
	bool is_length;
	struct sqe_field field;
	const char *also; /* a constant that is set with it */
	const struct constant *also_constant;
	const char *go; /* its type in Go if it is another, "-" for none */
};

/* liburing's versions as 100 * major + minor. */
enum { LIBURING_BASE = 203, LIBURING_NONE = 9999 };

/* What a ring can be asked for: a prep function, and a method in Go. */
struct op {
	const char *name, *opcode, *since, *doc, *go_name;
	struct loc at, opcode_at;
	bool no_go;
	bool modifies; /* an SQE that is prepared already */
	int liburing;
	VEC(struct fill) fills;
	VEC(struct op_arg) args;
};

struct model {
	const char *version;
	VEC(struct call) calls;
	VEC(struct op) ops;
	VEC(struct reserved) reserved;
	VEC(struct group) groups;
	VEC(struct structure *) structures;
	VEC(const char *) absent[NR_CPUS];
	VEC(struct meaning) meanings;
};

extern struct model model;

/* parse.c, parse_call.c, parse_data.c */
void parse_file(const struct file *f);
int parse_cpu(struct cur *c, struct loc *at);
void parse_call(struct cur *c);
void parse_reserved(struct cur *c);
void parse_call_line(struct call *call, struct cur *c);
void parse_group(struct cur *c);
void parse_group_line(struct group *g, struct cur *c);
struct structure *parse_structure(struct cur *c);
/* Returns the nested depth after the line. */
void parse_field(struct cur *c, struct field **stack, int *depth);

/* op.c */
void parse_op(struct cur *c);
void parse_op_line(struct op *op, struct cur *c);
void check_ops(void);
bool op_arg_points(const struct op_arg *a);

/* go_sig.c: "Name(a, b=c type) (r type)" */
void parse_go(struct call *call, struct cur *c);

/* check.c, layout.c */
const struct type *find_type(const char *name);
const struct structure *find_structure(const char *name, int cpu);
const struct call *find_call(const char *name);
/* The argument of that name, or -1. */
int find_arg(const struct call *call, const char *name);
void complain_arg(const struct call *call, struct loc at, const char *what,
		  const char *name);
bool is_pointer(const struct arg *a);
/* check_go.c */
void check_go(struct call *call);
const struct constant *find_constant(const char *name);
void complain_type(struct loc at, const char *name);
void check_model(void);
void layout_structure(struct structure *s);
bool go_type_layout(const char *type, int cpu, int64_t *size, int64_t *align);
bool call_on(const struct call *call, int cpu);
bool on_all_cpus(const struct call *call);
bool is_length(const struct call *call, int arg);
bool per_cpu_structure(const struct structure *s);

/* output.c */
struct buf *output(const char *path);
int write_outputs(const char *root);
int check_outputs(const char *root);
bool read_file(const char *path, struct file *f);
/* The names in dir that end with suffix, sorted. */
size_t list_files(const char *dir, const char *suffix, char ***names);

/* hand.c */
bool check_hand_written(const char *root);
/* The line that declares the function. */
const char *hand_written(const char *root, const char *name);

/* explain.c: what "gen list" and "gen explain NAME" print; the exit status. */
int list_calls(void);
int explain_call(const char *root, const char *name);

/* emit_*.c */
#define GENERATED "Code generated by gen from gen/spec; DO NOT EDIT."
void emit_c(void);
void emit_c_data(void);
void emit_errors(void);
void emit_go(void);
void emit_go_data(void);
void emit_reference(void);
const struct call **sorted_calls(void);
void emit_fault(void);
void emit_equal(void);
void emit_calls(void);
void emit_uapi(int cpu, struct buf *b);
void put_signature(struct buf *b, const struct call *call);
/* defines.c: against a table of the kernel's prototypes, at path below root. */
void compare_defines(const char *root, const char *path);
void emit_ops(void);
void emit_go_ops(void);
void emit_op_tests(void);
/* A parameter of a ring operation in Go; without a type there is none. */
const char *go_op_name(const char *name);
const char *go_op_type(const struct op_arg *a);
void emit_tables(const char *root);
/* A prototype or call: head, then items, filled up to column 80. */
void put_filled(struct buf *b, const char *head, char *const *items, size_t nr,
		const char *tail);
char *c_param(const struct arg *a);
const char *c_value(const struct constant *k, int cpu);
char *sentence(const char *phrase);
/* text with each {ARGUMENT} as it is called in C, or in Go. */
char *with_names(const struct call *call, const char *text, bool go);
bool per_cpu_layout(const struct structure *s);
void put_prototype(struct buf *b, const struct call *call, const char *tail);
bool in_c(const struct call *call);
void put_go_head(struct buf *b, int cpu, const char *package,
		 const char *imports);
/* The parameter of Go's function that is this argument, or NULL. */
const struct param *go_param_of(const struct call *call, int arg);
const char *go_param_type(const struct call *call, const struct param *p);
bool go_has_result(const struct call *call);

#endif
