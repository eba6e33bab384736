#include "app/plan_file.h"

#include "app/config_yaml.h"
#include "app/time_zone_table.h"
#include "core/buffer.h"
#include "core/json.h"
#include "features/plan_read.h"

#include <stdio.h>
#include <yaml.h>

/* " (spend_30d)", for a path into a feature that has a name; the root is the file's. */
static void name_feature(mr_json_value *root, const char *path, char ret_name[64])
{
    size_t index;
    ret_name[0] = '\0';
    if (sscanf(path, "features[%zu]", &index) != 1)
        return;
    const mr_text name = mr_json_text(
        mr_json_get(mr_json_at(mr_json_get(root, "features"), index), "name"),
        (mr_text){0});
    if (name.length > 0)
        (void)snprintf(ret_name, 64, " (%.*s)", name.length < 48 ? (int)name.length : 48,
                       name.bytes);
}

static mr_status find_zone(mr_json_value *root, mr_time_zone *ret_zone,
                           mr_plan_fault *ret_fault)
{
    mr_json_value *value = mr_json_get(root, "time_zone");
    mr_error why = {{0}};
    *ret_fault = (mr_plan_fault){"time_zone", {0}};
    if (mr_time_zone_find(
            mr_json_text(value, value == NULL ? MR_TEXT("UTC") : (mr_text){0}), ret_zone,
            &why) == MR_OK)
        return MR_OK;
    (void)snprintf(ret_fault->message, sizeof(ret_fault->message), "%s", why.message);
    return MR_ERR_INVALID;
}

static mr_status read_json(yaml_document_t *document, const yaml_node_t *node,
                           const char *path, mr_text text, mr_plan **ret_plan,
                           mr_error *ret_error)
{
    mr_json *json = NULL;
    mr_plan_fault fault;
    char name[64];
    mr_error why = {{0}};
    if (mr_json_parse(text, &json, &why) != MR_OK) /* a text that is not UTF-8, say */
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s:1: %s", path, why.message);
    mr_time_zone zone;
    mr_status status = find_zone(mr_json_root(json), &zone, &fault);
    if (status == MR_OK)
        status = mr_plan_read(mr_json_root(json), &zone, ret_plan, &fault);
    if (status == MR_ERR_INVALID) {
        name_feature(mr_json_root(json), fault.path, name);
        (void)mr_error_set(ret_error, status, "%s:%zu: %s%s: %s", path,
                           mr_yaml_line_of(document, node, mr_text_from(fault.path)),
                           fault.path[0] != '\0' ? fault.path : "the plan", name,
                           fault.message);
    } else if (status != MR_OK) {
        (void)mr_error_set(ret_error, status, "%s: out of memory", path);
    }
    mr_json_destroy(json);
    return status;
}

static mr_status read_document(yaml_document_t *document, const char *path,
                               mr_plan **ret_plan, mr_error *ret_error)
{
    const yaml_node_t *root = yaml_document_get_root_node(document);
    mr_buffer text = {0};
    mr_error why = {{0}};
    if (root == NULL)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "%s:1: is empty; a plan has features", path);
    mr_status status = mr_yaml_to_json(document, root, &text, &why);
    if (status == MR_OK)
        status = read_json(document, root, path,
                           (mr_text){(const char *)text.bytes, (uint32_t)text.length},
                           ret_plan, ret_error);
    else
        (void)mr_error_set(ret_error, status, "%s:1: %s", path, why.message);
    mr_buffer_deinit(&text);
    return status;
}

mr_status mr_plan_file_load(const char *path, mr_plan **ret_plan, mr_error *ret_error)
{
    yaml_document_t document;
    if (path == NULL || path[0] == '\0')
        return mr_plan_create_default(ret_plan) == MR_OK
                   ? MR_OK
                   : mr_error_set(ret_error, MR_ERR_NO_MEMORY,
                                  "out of memory for the plan");
    MR_TRY(mr_yaml_load(path, &document, ret_error));
    const mr_status status = read_document(&document, path, ret_plan, ret_error);
    yaml_document_delete(&document);
    return status;
}
