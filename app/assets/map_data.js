// Map data as the server packs it (app/map_data.py): numbers first, texts behind them.
window.GlassKit = window.GlassKit || {};

GlassKit.arrayTypes = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, int16: Int16Array };

GlassKit.unpackMap = (buffer) => {
  const length = new DataView(buffer).getUint32(0, true), from = 4 + length;
  const data = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const read = (name) => {
    const { type, offset, count } = data.arrays[name];
    return new GlassKit.arrayTypes[type](buffer, from + offset, count);
  };
  const places = (name) => Float32Array.from(read(name), (step) => (step * data.reach) / 32767);
  for (const [side, view] of Object.entries(data.views)) {
    for (const kind of ["picture", "caption"]) view[kind] = places(`${side}.${kind}`);
    view.concept = Array.from(places(`${side}.concept`));  // the Train tab moves them
    for (const kind of ["rank", "top"]) view[kind] = read(`${side}.${kind}`);
  }
  Object.assign(data, { concept: read("concept"), split: read("split"), key: [], caption: [], theme: [] });
  data.labelOf = {};
  for (const [level, { of }] of Object.entries(data.levels)) {
    data.labelOf[level] = Int32Array.from(data.concept, (concept) => of[concept]);
  }
  data.sizes = data.concepts.map(() => 0);
  for (const concept of data.concept) data.sizes[concept]++;
  data.extent = { x: 0.1, y: 0.1 };
  for (const { picture } of Object.values(data.views)) {
    for (let i = 0; i < picture.length; i += 2) {
      data.extent.x = Math.max(data.extent.x, Math.abs(picture[i]));
      data.extent.y = Math.max(data.extent.y, Math.abs(picture[i + 1]));
    }
  }
  return data;
};

// One download a data set, whichever tabs ask. data.texts: a promise that fills key, caption, theme.
GlassKit.maps = new Map();
GlassKit.loadMap = async (name) => {
  const ask = async (path) => {
    const answer = await fetch(path);
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.error || `the map of ${name} could not be read (${answer.status})`);
    }
    return answer;
  };
  if (!GlassKit.maps.has(name)) {
    const part = encodeURIComponent(name), begun = performance.now();
    const loading = ask(`kit/map/${part}.bin`).then(async (answer) => {
      const data = GlassKit.unpackMap(await answer.arrayBuffer());
      data.texts = ask(`kit/texts/${part}.json`).then((texts) => texts.json()).then((texts) => Object.assign(data, texts));
      data.milliseconds = performance.now() - begun;
      return data;
    });
    loading.catch(() => GlassKit.maps.delete(name));  // the next one who asks tries again
    GlassKit.maps.set(name, loading);
  }
  return GlassKit.maps.get(name);
};

// Lists of bytes travel as base64: a tenth of JSON.
GlassKit.bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
GlassKit.setBits = (bytes) => {
  const found = [];
  bytes.forEach((byte, place) => {
    for (let bit = 0; byte >> bit; bit++) if ((byte >> bit) & 1) found.push(8 * place + bit);
  });
  return found;
};
