// The live map of the Train page. Its value: {data: name of a data set, right: numbers of the
// recognised pictures, words: where the words stand now, flat x and y; none before training}.
GlassKit.liveMap = (element, props, watch) => {
  const place = element.querySelector(".gk-live");
  let map = null;
  const show = async () => {
    const { data: name, right, words } = props.value;
    const data = name && await GlassKit.loadMap(name);
    if (!data || props.value.data !== name) return;  // another one was chosen meanwhile
    if (map?.data !== data || !words) map = new GlassMap(place, data, { bare: true, side: "before", pictures: false });
    map.light(right);
    if (words) map.walkWords(words);
  };
  watch("value", show);
  show();
};
