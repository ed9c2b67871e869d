/* C ABI between the core and the separately loaded CUDA module: one exported symbol, a table of functions, opaque handles. No C++ type
 * and no exception crosses it. Functions return 0, or a RAGDRAFT_CUDA_* status and its text in `error`. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define RAGDRAFT_CUDA_ABI 4

/* A matrix is packed in runs of its file's rows: each starts at a multiple of this, and ends at one or with the matrix. */
#define RAGDRAFT_CUDA_PACK_ROWS 128

enum {
  RAGDRAFT_CUDA_OK = 0,
  RAGDRAFT_CUDA_OUT_OF_MEMORY = 1, /* of the device, or pinned memory of the host */
  RAGDRAFT_CUDA_FAILED = 2,        /* the driver's or the device's error */
  RAGDRAFT_CUDA_INTERNAL = 3,      /* a fault of ours */
  RAGDRAFT_CUDA_UNSUPPORTED = 4    /* a type or shape that there are no kernels for */
};

typedef struct ragdraft_cuda_error {
  char text[512];
} ragdraft_cuda_error;

typedef struct ragdraft_cuda_device_info {
  char name[256];
  int major, minor; /* compute capability */
  int multiprocessors;
  uint64_t total_bytes;
} ragdraft_cuda_device_info;

/* A device in use: a stream, staging memory, scratch memory, the pass. All functions that take one may be called on any thread; what
 * they are asked for happens in the order of the calls, later: a fault of a kernel is reported by whichever call comes upon it. After
 * RAGDRAFT_CUDA_FAILED what was computed before is not to be trusted: every further call but release() and close() reports that first
 * failure again. Pointers that are called `device_...` point into its memory. */
typedef struct ragdraft_cuda_device ragdraft_cuda_device;

/* Operations over the pass, recorded. */
typedef struct ragdraft_cuda_graph ragdraft_cuda_graph;

typedef struct ragdraft_cuda_embedding {
  uint32_t type; /* GGUF's type id */
  int64_t columns, row_bytes;
  const void* device_data; /* [vocabulary] rows as the file stores them */
} ragdraft_cuda_embedding;

/* ops::cuda::DeviceMatrix: a matrix in the layout of the kernels, packed_size() bytes. */
typedef struct ragdraft_cuda_matrix {
  uint32_t type; /* GGUF's type id */
  int64_t rows, columns;
  void* device_data;
} ragdraft_cuda_matrix;

/* ops::cuda::RowSource: the rows that a product multiplies. */
typedef struct ragdraft_cuda_row_source {
  int kind; /* ops::cuda::RowSource::Kind */
  const float* device_values;
  const float* device_weight;
  float epsilon;
  const float* device_up;
} ragdraft_cuda_row_source;

/* ops::cuda::Product */
typedef struct ragdraft_cuda_product {
  ragdraft_cuda_matrix weights;
  const float* device_bias; /* or null */
  float* device_y;
  int accumulate;
} ragdraft_cuda_product;

typedef struct ragdraft_cuda_rope {
  const double* device_frequency; /* [pairs] */
  int pairs;
  float magnitude;
  int interleaved;
} ragdraft_cuda_rope;

/* kv::KvLayout and a layer of it. */
typedef struct ragdraft_cuda_kv {
  int type; /* kv::KvType */
  int layers, kv_heads, head_dim, layer;
} ragdraft_cuda_kv;

/* sampling::RoundRules, and the round's position. */
typedef struct ragdraft_cuda_round {
  int output; /* sampling::OutputDistribution */
  int greedy, keeps_q, valid;
  uint64_t seed;
  int32_t position;
  double temperature, transfer, plausibility;
} ragdraft_cuda_round;

/* Logits in device memory: rows of `stride` values. */
typedef struct ragdraft_cuda_logits {
  const float* device_values;
  int64_t stride;
} ragdraft_cuda_logits;

/* sampling::RoundOutcome */
typedef struct ragdraft_cuda_outcome {
  int32_t accepted, token, draft[17];
  float draft_ms, verify_ms;
} ragdraft_cuda_outcome;

typedef struct ragdraft_cuda_api {
  uint32_t abi;      /* RAGDRAFT_CUDA_ABI */
  uint32_t size;     /* sizeof(ragdraft_cuda_api) */
  const char* archs; /* the real and virtual architectures it was compiled for */

  int (*device_count)(int* count, ragdraft_cuda_error* error);
  int (*device_info)(int index, ragdraft_cuda_device_info* info, ragdraft_cuda_error* error);

  int (*open)(int index, ragdraft_cuda_device** device, ragdraft_cuda_error* error);
  void (*close)(ragdraft_cuda_device* device); /* after the last release() */
  int (*memory_info)(ragdraft_cuda_device* device, uint64_t* free_bytes, uint64_t* total_bytes, ragdraft_cuda_error* error);

  /* Zeroed. */
  int (*allocate)(ragdraft_cuda_device* device, size_t bytes, void** device_memory, ragdraft_cuda_error* error);
  void (*release)(ragdraft_cuda_device* device, void* device_memory);
  int (*copy)(ragdraft_cuda_device* device, void* device_to, const void* device_from, size_t bytes, ragdraft_cuda_error* error);
  int (*zero)(ragdraft_cuda_device* device, void* device_to, size_t bytes, ragdraft_cuda_error* error);
  /* When they return the host's memory has been read or written. */
  int (*upload)(ragdraft_cuda_device* device, void* device_to, const void* from, size_t bytes, ragdraft_cuda_error* error);
  int (*download)(ragdraft_cuda_device* device, void* to, const void* device_from, size_t bytes, ragdraft_cuda_error* error);
  /* Waits until everything that was asked for has happened. */
  int (*wait)(ragdraft_cuda_device* device, ragdraft_cuda_error* error);

  /* Bytes of a packed matrix, how many of them a product at draft precision reads, and the scratch memory of its products. */
  int (*packed_size)(uint32_t type, int64_t rows, int64_t columns, uint64_t* bytes, uint64_t* draft_bytes, uint64_t* scratch_bytes,
                     ragdraft_cuda_error* error);
  /* Rows [first_row, first_row + rows) of `into` from the host's memory, as the file stores them; a run, see
   * RAGDRAFT_CUDA_PACK_ROWS. Takes the scratch memory of the matrix's products. */
  int (*pack)(ragdraft_cuda_device* device, const ragdraft_cuda_matrix* into, int64_t first_row, int64_t rows, const void* from,
              ragdraft_cuda_error* error);

  /* Gives the host's copy of ops::cuda::Pass (kernels/pass.h) to be filled; upload_pass() brings it to the device, `pages` entries of its
   * page table. Waits until the last pass has been read; `ahead`: only until one of many before it has. */
  int (*next_pass)(ragdraft_cuda_device* device, int ahead, void** pass, ragdraft_cuda_error* error);
  int (*upload_pass)(ragdraft_cuda_device* device, int pages, ragdraft_cuda_error* error);

  /* Operations over the pass that are asked for in between do not happen but are recorded; everything else happens as ever. They are to have
   * happened once before, with the same arguments: what memory they need is taken then. */
  int (*begin_recording)(ragdraft_cuda_device* device, ragdraft_cuda_error* error);
  int (*end_recording)(ragdraft_cuda_device* device, ragdraft_cuda_graph** graph, ragdraft_cuda_error* error);
  void (*drop_recording)(ragdraft_cuda_device* device); /* instead of end_recording() */
  int (*replay)(ragdraft_cuda_device* device, const ragdraft_cuda_graph* graph, ragdraft_cuda_error* error);
  void (*release_graph)(ragdraft_cuda_device* device, ragdraft_cuda_graph* graph);

  /* Operations over the pass; see the headers in kernels/. */
  int (*embed)(ragdraft_cuda_device* device, const ragdraft_cuda_embedding* table, int rows, float* device_out, ragdraft_cuda_error* error);
  int (*gather_wanted)(ragdraft_cuda_device* device, const float* device_x, int wanted, int64_t columns, float* device_out,
                       ragdraft_cuda_error* error);
  /* Products of one input, whatever the types of their weights; `rows` rows of `source`. */
  int (*linear)(ragdraft_cuda_device* device, const ragdraft_cuda_product* products, int count, const ragdraft_cuda_row_source* source,
                int rows, int draft, ragdraft_cuda_error* error);
  int (*rope_angles)(ragdraft_cuda_device* device, const ragdraft_cuda_rope* rope, int rows, float* device_angles, ragdraft_cuda_error* error);
  int (*rope_append)(ragdraft_cuda_device* device, const ragdraft_cuda_rope* rope, const float* device_angles, const ragdraft_cuda_kv* kv,
                     int heads, int rows, float* device_q, const float* device_k, const float* device_v, ragdraft_cuda_error* error);
  /* most_keys: no row sees more. Takes the scratch memory of its shape where it is the first to need so much. */
  int (*attention)(ragdraft_cuda_device* device, const ragdraft_cuda_kv* kv, int heads, float scale, int rows, int spans, int most_keys,
                   const float* device_q, float* device_out, ragdraft_cuda_error* error);
  /* Bytes of that memory. */
  int (*attention_scratch)(const ragdraft_cuda_kv* kv, int heads, int rows, int spans, int most_keys, uint64_t* bytes,
                           ragdraft_cuda_error* error);

  /* See sampling/rounds.h. draft(): `logits` is one row, judge(): those of the verified rows. */
  int (*begin_round)(ragdraft_cuda_device* device, const ragdraft_cuda_round* round, ragdraft_cuda_error* error);
  int (*draft)(ragdraft_cuda_device* device, int i, const ragdraft_cuda_logits* logits, ragdraft_cuda_error* error);
  int (*judge)(ragdraft_cuda_device* device, int judged, int rows, const ragdraft_cuda_logits* logits, ragdraft_cuda_outcome* outcome,
               ragdraft_cuda_error* error);
} ragdraft_cuda_api;

typedef const ragdraft_cuda_api* (*ragdraft_cuda_get_api_fn)(uint32_t abi);
#ifdef __cplusplus
}
#endif
