// Unfolds everything on a page and returns what is wrong with its layout, a sentence for each mistake.
() => {
  const mistakes = [];
  const name = (element) => `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") || ""}"> "${element.textContent.trim().slice(0, 40)}"`;
  const within = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1 && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
  for (const details of document.querySelectorAll("details")) details.open = true;

  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) mistakes.push(`the page scrolls sideways: ${root.scrollWidth} of ${root.clientWidth} px`);

  for (const element of document.body.querySelectorAll("*:not(option, script, input, select)")) {
    const box = element.getBoundingClientRect();
    if (!box.width) continue;
    if (box.left < -1 || box.right > root.clientWidth + 1) mistakes.push(`outside of the page: ${name(element)}`);
    if (element.clientWidth && element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible")
      mistakes.push(`clipped: ${name(element)}`);
    if (element.matches("td, th") && element.textContent.trim().length > 12 && box.width < 70)
      mistakes.push(`too narrow: ${name(element)}`);
  }

  for (const node of document.querySelectorAll(".node, .fold summary")) {
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const line of range.getClientRects())
      if (!within(line, node.getBoundingClientRect())) mistakes.push(`outside of its box: ${name(node)}`);
  }
  for (const level of document.querySelectorAll(".graph ul")) {
    const boxes = Array.from(level.children, (child) => [child, child.getBoundingClientRect()]);
    boxes.forEach(([one, first], index) => {
      for (const [other, second] of boxes.slice(index + 1))
        if (first.left < second.right - 1 && second.left < first.right - 1 && first.top < second.bottom - 1 && second.top < first.bottom - 1)
          mistakes.push(`on another box: ${name(one)} ${name(other)}`);
    });
  }
  return mistakes;
}
