// JSON Schema, as much of it as the program's OpenAPI document uses, read strictly: a member that a schema does not name is
// a fault even where the standard would let it pass, and so is a keyword that this reader does not know.
interface Schema {
  [keyword: string]: unknown;
}

const KNOWN = new Set(["$ref", "type", "required", "properties", "additionalProperties", "items", "anyOf", "enum", "maxLength", "format", "x-operators"]);

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is wrong with `value`, a line for each fault; `root` is where references lead from. */
export function faultsOf(schema: unknown, value: unknown, root: unknown, at = "$"): string[] {
  if (!isObject(schema)) return [`${at}: the schema is none: ${JSON.stringify(schema)}`];
  const strange = Object.keys(schema).filter((keyword) => !KNOWN.has(keyword));
  if (strange.length > 0) return [`${at}: keywords ${strange.join(", ")}`];
  if (schema["$ref"] !== undefined) return faultsOf(lookUp(root, String(schema["$ref"])), value, root, at);
  if (Array.isArray(schema["anyOf"])) {
    const each = schema["anyOf"].map((one) => faultsOf(one, value, root, at));
    return each.some((faults) => faults.length === 0) ? [] : each.flat();
  }
  if (Array.isArray(schema["enum"]) && !schema["enum"].includes(value)) return [`${at}: ${JSON.stringify(value)} is none of ${JSON.stringify(schema["enum"])}`];
  const types = schema["type"] === undefined ? [] : [schema["type"]].flat();
  const type = typeOf(value);
  if (types.length > 0 && !types.includes(type) && !(type === "integer" && types.includes("number"))) return [`${at}: ${type}, not ${types.join(" or ")}`];
  if (typeof value === "string") return textFaults(schema, value, at);
  if (Array.isArray(value)) return schema["items"] === undefined ? [] : value.flatMap((item, i) => faultsOf(schema["items"], item, root, `${at}[${i}]`));
  return isObject(value) ? memberFaults(schema, value, root, at) : [];
}

function lookUp(root: unknown, reference: string): unknown {
  return reference
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((from, part) => (isObject(from) ? from[part] : undefined), root);
}

function textFaults(schema: Schema, value: string, at: string): string[] {
  const longest = schema["maxLength"];
  if (typeof longest === "number" && [...value].length > longest) return [`${at}: longer than ${longest}`];
  switch (schema["format"]) {
    case undefined:
      return [];
    case "date-time":
      return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(value) ? [] : [`${at}: ${value} is no instant of the contract's`];
    default:
      return [`${at}: format ${String(schema["format"])}`];
  }
}

function memberFaults(schema: Schema, value: Record<string, unknown>, root: unknown, at: string): string[] {
  const properties = schema["properties"];
  const missing = ((schema["required"] as string[] | undefined) ?? []).filter((name) => !(name in value)).map((name) => `${at}: no ${name}`);
  const more = schema["additionalProperties"];
  if (!isObject(properties) && more === undefined) return missing; // any object
  const known = isObject(properties) ? properties : {};
  const faults = Object.entries(value).flatMap(([name, inner]) => {
    if (name in known) return faultsOf(known[name], inner, root, `${at}.${name}`);
    return isObject(more) ? faultsOf(more, inner, root, `${at}.${name}`) : [`${at}: ${name} is not in the document`];
  });
  return [...missing, ...faults];
}
