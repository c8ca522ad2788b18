// What is wrong with the page, as lists of sentences. Everything is measured:
// nothing here knows how the page is made.
(() => {
  const visible = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest('.sr, .skip');
  const named = (e) => {
    const text = (e.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 40);
    return `<${e.tagName.toLowerCase()}${e.className && e.className.baseVal === undefined ? ' class=' + e.className : ''}> "${text}"`;
  };
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);

  // overflow: what lies beyond the screen, other than in a region that scrolls.
  const overflow = () => {
    const width = document.documentElement.clientWidth;
    const found = [];
    if (document.documentElement.scrollWidth > width) {
      found.push(`the page is ${document.documentElement.scrollWidth} wide on a screen of ${width}`);
    }
    for (const e of all('body *')) {
      if (e.parentElement.closest('.scroll, svg')) continue;
      const box = e.getBoundingClientRect();
      if (box.width > 0 && (box.right > width + 1 || box.left < -1)) found.push(`${named(e)} from ${box.left} to ${box.right}`);
    }
    return found;
  };

  // beyond: what lies beyond the sheet, where nothing scrolls.
  const beyond = () => all('body *')
    .filter((e) => !e.closest('svg') && e.getBoundingClientRect().width > 0)
    .map((e) => [e, e.getBoundingClientRect()])
    .filter(([, box]) => box.right > document.documentElement.clientWidth + 1 || box.left < -1)
    .map(([e, box]) => `${named(e)} from ${box.left} to ${box.right}`);

  // clipped: text that does not fit into its own box.
  const clipped = () => all('.month td, .month th, .lane-label, .axis span, .figure, .figure-name, dt, dd, h1, h2, h3')
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
    .map((e) => `${named(e)} is ${e.scrollWidth} wide in a box of ${e.clientWidth}`);

  // overlaps: labels of a figure whose text lies over another's.
  const overlaps = () => {
    const found = [];
    for (const figure of all('figure')) {
      const labels = [...figure.querySelectorAll('.axis span, .lane-label > span, caption, th, .legend, h3, svg text, svg:not(.thin)')].filter(visible);
      const boxes = labels.map((e) => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width > 0 && b.height > 0);
      boxes.forEach(([a, x], i) => boxes.slice(i + 1).forEach(([b, y]) => {
        if (a.contains(b) || b.contains(a)) return;
        if (x.left < y.right - 1 && y.left < x.right - 1 && x.top < y.bottom - 1 && y.top < x.bottom - 1) {
          found.push(`${named(a)} lies over ${named(b)}`);
        }
      }));
    }
    return found;
  };

  const channels = (color) => {
    const parts = color.match(/[\d.]+/g).map(Number);
    return parts.length < 4 ? [...parts, 1] : parts;
  };
  const over = (top, bottom) => [0, 1, 2].map((i) => top[i] * top[3] + bottom[i] * (1 - top[3])).concat(1);
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((bottom, top) => over(top, bottom), [255, 255, 255, 1]);
  };
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };

  // faint: text of less contrast than 4.5 to 1, and drawings of less than 3 to 1.
  const faint = () => {
    const found = new Set();
    let measured = 0;
    for (const e of all('body *')) {
      if (![...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim())) continue;
      const ratio = contrast(over(channels(getComputedStyle(e).color), ground(e)), ground(e));
      measured++;
      if (ratio < 4.5) found.add(`${named(e)} has a contrast of ${ratio.toFixed(2)}`);
    }
    for (const e of all('path.deviating, path.outside, path.within, path.observed')) {
      const ratio = contrast(channels(getComputedStyle(e).fill), ground(e.closest('svg')));
      measured++;
      if (ratio < 3) found.add(`path ${e.className.baseVal} has a contrast of ${ratio.toFixed(2)}`);
    }
    if (measured < 500) found.add(`only ${measured} were measured`);
    return [...found];
  };

  // unnamed: drawings, tables and regions that say nothing to who cannot see them.
  const unnamed = () => [
    ...all('svg').filter((e) => !(e.getAttribute('role') === 'img' && e.querySelector('title')?.textContent && e.querySelector('desc')?.textContent)),
    ...all('table').filter((e) => !e.caption || [...e.querySelectorAll('th')].some((h) => !h.scope)),
    ...all('.scroll').filter((e) => e.tabIndex !== 0 || !e.getAttribute('aria-label')),
    ...all('main section').filter((e) => !document.getElementById(e.getAttribute('aria-labelledby'))),
  ].map(named);

  // dead: links that lead nowhere, and ids that are there twice.
  const dead = () => [
    ...[...document.querySelectorAll('a')].filter((a) => !document.getElementById(a.hash.slice(1))).map(named),
    ...[...document.querySelectorAll('[id]')].filter((e) => document.querySelectorAll('#' + CSS.escape(e.id)).length > 1).map((e) => 'id ' + e.id),
  ];

  // numbers: each number of the page that says where it is from.
  const numbers = () => [...document.querySelectorAll('data[data-path]')].map((e) => ({ path: e.dataset.path, value: e.value, text: e.textContent }));

  // sheets: what the browser understood of what stands on each printed sheet.
  const sheets = () => [...document.styleSheets].flatMap((s) => [...s.cssRules]).filter((r) => r instanceof CSSPageRule).map((r) => r.cssText).join('\n');

  return { overflow, beyond, clipped, overlaps, faint, unnamed, dead, numbers, sheets };
})()
