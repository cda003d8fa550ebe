/* json.h - what several JSON documents share. */
#ifndef IM_API_JSON_H
#define IM_API_JSON_H

#include "base/json.h"
#include "imgmend.h"

/* The key "findings" and its array. */
void im_api_put_findings(struct im_json *j, const struct imgmend_finding *f, size_t n);

#endif
