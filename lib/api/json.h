/* json.h - what several JSON documents share. */
#ifndef IM_API_JSON_H
#define IM_API_JSON_H

#include "base/json.h"
#include "imgmend.h"

/* The key "findings" and its array. */
void im_api_put_findings(struct im_json *j, const struct imgmend_finding *f, size_t n);

/* "from", "bytes", "zero", "fill"; "keep" for what stays. */
const char *im_api_kind_name(enum imgmend_kind kind);

#endif
