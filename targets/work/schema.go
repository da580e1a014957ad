package work

import (
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"
)

// schema is a JSON schema in the generic form that it is decoded to, of the keywords that
// documents need: type, required, properties, additionalProperties (false or left out),
// minLength, maxLength, minimum and maximum (JSON Schema Validation 2020-12, §6). Numbers
// in it are of type float64.
type schema = map[string]any

// schemaOf returns the schema of a document with such fields. All fields of one type share
// one schema.
func schemaOf(fields []field) schema {
	text := schema{"type": "string", "minLength": 1.0, "maxLength": 64.0}
	whole := schema{"type": "integer", "minimum": 0.0, "maximum": 1e6}
	fraction := schema{"type": "number", "minimum": 0.0, "maximum": 1e6}
	truth := schema{"type": "boolean"}
	properties, required := make(map[string]any, len(fields)), make([]any, 0, len(fields))
	for _, f := range fields {
		required = append(required, f.name)
		switch f.value.(type) {
		case string:
			properties[f.name] = text
		case int:
			properties[f.name] = whole
		case float64:
			properties[f.name] = fraction
		case bool:
			properties[f.name] = truth
		}
	}
	return schema{"type": "object", "required": required, "properties": properties, "additionalProperties": false}
}

// interpret decodes the text without knowing its fields and holds it against the schema,
// whose keywords are looked at one by one for every value.
func interpret(s schema, text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return conforms(s, value, "the document")
}

// conforms returns an error that says what about the value, which is called name, is not
// as the schema wants it.
func conforms(s schema, value any, name string) error {
	for keyword, argument := range s {
		if err := obeys(s, keyword, argument, value, name); err != nil {
			return err
		}
	}
	return nil
}

// obeys holds a value against one keyword. Those that are about another type than the
// value's say nothing about it.
func obeys(s schema, keyword string, argument, value any, name string) error {
	switch keyword {
	case "type":
		if !isOfType(value, argument) {
			return fmt.Errorf("%s is not of type %v", name, argument)
		}
	case "required":
		return hasAll(argument, value, name)
	case "properties":
		return fieldsConform(s, argument, value, name)
	case "minLength", "maxLength":
		if v, ok := value.(string); ok && !within(keyword, float64(utf8.RuneCountInString(v)), argument) {
			return fmt.Errorf("%s has a length beyond %s %v", name, keyword, argument)
		}
	case "minimum", "maximum":
		if v, ok := value.(float64); ok && !within(keyword, v, argument) {
			return fmt.Errorf("%s is beyond %s %v", name, keyword, argument)
		}
	}
	return nil
}

func isOfType(value, name any) bool {
	switch v := value.(type) {
	case map[string]any:
		return name == "object"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64: // 1.0 is an integer too
		return name == "number" || name == "integer" && v == math.Trunc(v)
	}
	return false
}

func within(keyword string, v float64, argument any) bool {
	bound, ok := argument.(float64)
	switch keyword {
	case "minLength", "minimum":
		return ok && v >= bound
	default:
		return ok && v <= bound
	}
}

func hasAll(required, value any, name string) error {
	object, ok := value.(map[string]any)
	names, _ := required.([]any)
	if !ok {
		return nil
	}
	for _, n := range names {
		field, _ := n.(string)
		if _, there := object[field]; !there {
			return fmt.Errorf("%s has no %s", name, field)
		}
	}
	return nil
}

func fieldsConform(s schema, properties, value any, name string) error {
	object, ok := value.(map[string]any)
	known, _ := properties.(map[string]any)
	if !ok {
		return nil
	}
	for field, v := range object {
		of, ok := known[field].(schema)
		if !ok {
			if s["additionalProperties"] == false {
				return fmt.Errorf("%s has a field %.64q that it should not have", name, field)
			}
			continue
		}
		if err := conforms(of, v, field); err != nil {
			return err
		}
	}
	return nil
}
