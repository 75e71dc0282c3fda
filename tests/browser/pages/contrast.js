const canvas = document.createElement("canvas");
canvas.width = canvas.height = 1;
const pen = canvas.getContext("2d", { willReadFrequently: true });

// Paints colours over each other and returns what is seen, as red, green and blue.
const seen = (colors) => {
  pen.fillStyle = "white";
  pen.fillRect(0, 0, 1, 1);
  for (const color of colors) {
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
  }
  return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
};

const luminance = (rgb) => {
  const [red, green, blue] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

const faint = [];
for (const word of document.querySelectorAll(".nav a, .logs-bar label, .logs-foot, .log-line:first-child span")) {
  const box = word.getBoundingClientRect();
  const below = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  if (!below.includes(word)) continue;
  const backgrounds = below.slice(below.indexOf(word)).map((element) => getComputedStyle(element).backgroundColor);
  const background = seen(backgrounds.reverse());
  const text = seen([`rgb(${background.join(" ")})`, getComputedStyle(word).color]);
  const [dark, bright] = [luminance(text), luminance(background)].sort((a, b) => a - b);
  const contrast = (bright + 0.05) / (dark + 0.05);
  if (contrast < 4.5) faint.push(`${word.textContent.trim()}: ${contrast.toFixed(2)}`);
}
return faint;
