// The state of a figure in the address of its page: model.parameter=value for each value that was changed.

export function intoQuery(search, key, values, defaults) {
  const query = new URLSearchParams(search);
  for (const name of [...query.keys()]) if (name.startsWith(`${key}.`)) query.delete(name);
  for (const [name, value] of Object.entries(values)) {
    const written = JSON.stringify(value);
    if (written !== JSON.stringify(defaults[name])) query.set(`${key}.${name}`, written);
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}

// The values in the address, or null where it holds none for this figure. Python checks them like any others.
export function fromQuery(search, key) {
  const found = {};
  for (const [name, text] of new URLSearchParams(search)) {
    if (!name.startsWith(`${key}.`)) continue;
    try {
      found[name.slice(key.length + 1)] = JSON.parse(text);
    } catch {
      found[name.slice(key.length + 1)] = text;
    }
  }
  return Object.keys(found).length ? found : null;
}
