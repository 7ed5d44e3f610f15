/*
 * import_exchange_clixml.c - what Export-Clixml writes, by Expat.
 *
 * [MS-PSRP] 2.2.5 has the form. An object of it becomes one of jansson's, or an array
 * where it is a list; a reference is the value that it refers to. Documents with a type
 * of their own, and entities, are not read.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"
#include "base/text.h"

#ifdef TLSWARD_EXPAT

#include <expat.h>

#define DEEPEST 64

/* An object that is open, or the document. */
struct clixml_frame {
	char *name;		/* as a property; NULL: it is none */
	char *id;		/* by which others refer to it; NULL: none do */
	json_t *members, *list;	/* NULL: there is no list in it */
};

struct clixml {
	XML_Parser parser;
	struct clixml_frame frames[DEEPEST];
	size_t depth;
	char *name;		/* of the primitive value that is open */
	struct buffer text;	/* of it */
	json_t *values;		/* by their identifiers */
	const char *wrong;	/* NULL: nothing is */
};

static void
clixml_stop(struct clixml *clixml, const char *why)
{
	if (clixml->wrong == NULL)
		clixml->wrong = why;
	(void)XML_StopParser(clixml->parser, XML_FALSE);
}

static const char *
clixml_attribute(const XML_Char **attributes, const char *name)
{
	for (; attributes[0] != NULL; attributes += 2)
		if (strcmp(attributes[0], name) == 0)
			return attributes[1];
	return NULL;
}

static char *
clixml_copy(const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	tool_need(text == NULL || copy != NULL);
	return copy;
}

static bool
clixml_is(const char *element, const char *names)
{
	size_t length = strlen(element);

	for (const char *at = names; (at = strstr(at, element)) != NULL; at += length)
		if ((at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

/* Puts a value where it belongs, and takes its reference. */
static void
clixml_add(struct clixml *clixml, const char *name, json_t *value)
{
	struct clixml_frame *frame = &clixml->frames[clixml->depth - 1];

	tool_need(value != NULL);
	if (name != NULL)
		(void)json_object_set_new(frame->members, name, value);
	else if (frame->list != NULL)
		(void)json_array_append_new(frame->list, value);
	else if (json_object_get(frame->members, EXCHANGE_SHOWN) == NULL)
		/* An enumeration's number, which counts where it has no name. */
		(void)json_object_set_new(frame->members, EXCHANGE_SHOWN, value);
	else
		json_decref(value);
}

static void
clixml_open_object(struct clixml *clixml, const XML_Char **attributes)
{
	struct clixml_frame *frame = &clixml->frames[clixml->depth];

	if (clixml->depth == DEEPEST) {
		clixml_stop(clixml, "its objects are nested too deeply");
		return;
	}
	*frame = (struct clixml_frame){
		.name = clixml_copy(clixml_attribute(attributes, "N")),
		.id = clixml_copy(clixml_attribute(attributes, "RefId")),
		.members = json_object()
	};
	clixml->depth++;
}

static void
clixml_close_object(struct clixml *clixml)
{
	struct clixml_frame frame = clixml->frames[--clixml->depth];
	json_t *value = frame.list != NULL ? json_incref(frame.list) :
	    json_incref(frame.members);

	if (frame.id != NULL)
		(void)json_object_set(clixml->values, frame.id, value);
	clixml_add(clixml, frame.name, value);
	json_decref(frame.members);
	json_decref(frame.list);
	free(frame.name);
	free(frame.id);
}

static void
clixml_refer(struct clixml *clixml, const XML_Char **attributes)
{
	const char *id = clixml_attribute(attributes, "RefId");
	json_t *value = id != NULL ? json_object_get(clixml->values, id) : NULL;

	clixml_add(clixml, clixml_attribute(attributes, "N"),
	    value != NULL ? json_incref(value) : json_null());
}

static void XMLCALL
clixml_start(void *data, const XML_Char *element, const XML_Char **attributes)
{
	struct clixml *clixml = data;
	struct clixml_frame *frame = &clixml->frames[clixml->depth - 1];

	if (clixml->wrong != NULL)
		return;
	if (strcmp(element, "Obj") == 0) {
		clixml_open_object(clixml, attributes);
	} else if (strcmp(element, "Ref") == 0) {
		clixml_refer(clixml, attributes);
	} else if (clixml_is(element, "LST IE QUE STK")) {
		if (frame->list == NULL)
			frame->list = json_array();
	} else {
		buffer_clear(&clixml->text);
		free(clixml->name);
		clixml->name = clixml_copy(clixml_attribute(attributes, "N"));
	}
}

/* A text with its escapes, _x000A_, undone. */
static json_t *
clixml_string(const char *text)
{
	struct buffer plain = BUFFER_INIT;
	json_t *string;

	for (; *text != '\0'; text++) {
		int code = 0;

		if (strncmp(text, "_x", 2) == 0 && strspn(text + 2,
		    "0123456789abcdefABCDEF") >= 4 && text[6] == '_') {
			for (int i = 2; i < 6; i++)
				code = code << 4 | text_hex(text[i]);
			if (code > 0 && code < 0x80) {
				buffer_add(&plain, &(char){ (char)code }, 1);
				text += 6;
				continue;
			}
		}
		buffer_add(&plain, text, 1);
	}
	buffer_string(&plain, "");
	tool_need(!plain.failed);
	string = json_string(plain.text);
	buffer_free(&plain);
	return string;
}

static void
clixml_primitive(struct clixml *clixml, const char *element)
{
	const char *text = clixml->text.text != NULL ? clixml->text.text : "";
	json_t *value;

	tool_need(!clixml->text.failed);
	if (strcmp(element, "Nil") == 0)
		value = json_null();
	else if (strcmp(element, "B") == 0)
		value = json_boolean(strcmp(text, "true") == 0);
	else if (clixml_is(element, "I16 I32 I64 U16 U32 U64 By SB"))
		value = json_integer(strtoll(text, NULL, 10));
	else
		value = clixml_string(text);
	clixml_add(clixml, clixml->name, value);
}

static void XMLCALL
clixml_end(void *data, const XML_Char *element)
{
	struct clixml *clixml = data;

	if (clixml->wrong != NULL)
		return;
	if (strcmp(element, "Obj") == 0) {
		clixml_close_object(clixml);
	} else if (strcmp(element, "ToString") == 0) {
		(void)json_object_set_new(clixml->frames[clixml->depth - 1].members,
		    EXCHANGE_SHOWN, clixml_string(clixml->text.text != NULL ?
		    clixml->text.text : ""));
	} else if (!clixml_is(element, "Objs Props MS TN TNRef T LST IE QUE STK DCT En Ref")) {
		clixml_primitive(clixml, element);
	}
	buffer_clear(&clixml->text);
}

static void XMLCALL
clixml_characters(void *data, const XML_Char *text, int length)
{
	struct clixml *clixml = data;

	buffer_add(&clixml->text, text, (size_t)length);
}

static void XMLCALL
clixml_doctype(void *data, const XML_Char *name, const XML_Char *system,
    const XML_Char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	clixml_stop(data, "it has a document type, which Export-Clixml does not write");
}

/* libexpat 2.9 has the one, and deprecates the other. */
#if XML_MAJOR_VERSION > 2 || XML_MINOR_VERSION >= 9
#define CLIXML_LINE XML_GetCurrentLineNumber64
#else
#define CLIXML_LINE XML_GetCurrentLineNumber
#endif

/* Whether all of it was read; says why it was not. */
static bool
clixml_parse(struct clixml *clixml, const struct import_source *source)
{
	enum XML_Status status;

	XML_SetUserData(clixml->parser, clixml);
	XML_SetElementHandler(clixml->parser, clixml_start, clixml_end);
	XML_SetCharacterDataHandler(clixml->parser, clixml_characters);
	XML_SetStartDoctypeDeclHandler(clixml->parser, clixml_doctype);
	status = XML_Parse(clixml->parser, source->text, (int)source->length, XML_TRUE);
	if (clixml->wrong == NULL && status != XML_STATUS_OK)
		clixml->wrong = XML_ErrorString(XML_GetErrorCode(clixml->parser));
	if (clixml->wrong != NULL)
		(void)tool_trouble("%s:%lu: this is not what Export-Clixml writes: %s",
		    source->name, (unsigned long)CLIXML_LINE(clixml->parser), clixml->wrong);
	return clixml->wrong == NULL;
}

json_t *
exchange_read_clixml(const struct import_source *source)
{
	struct clixml clixml = { .parser = XML_ParserCreate("UTF-8"), .depth = 1,
		.frames = { { .members = json_object(), .list = json_array() } },
		.values = json_object() };
	bool fine;

	tool_need(clixml.parser != NULL);
	fine = clixml_parse(&clixml, source);
	while (clixml.depth > 1)
		clixml_close_object(&clixml);
	XML_ParserFree(clixml.parser);
	json_decref(clixml.values);
	json_decref(clixml.frames[0].members);
	free(clixml.name);
	buffer_free(&clixml.text);
	if (fine)
		return clixml.frames[0].list;
	json_decref(clixml.frames[0].list);
	return NULL;
}

#else

json_t *
exchange_read_clixml(const struct import_source *source)
{
	(void)tool_trouble("%s is XML, which this tlsward was built without: %s",
	    source->name, EXCHANGE_AGAIN);
	return NULL;
}

#endif
