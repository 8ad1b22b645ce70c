// Small comforts. Every page does its work without this file.

// A form marked data-live sends itself when a choice in it changes.
for (const form of document.querySelectorAll("form[data-live]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

// The summary of errors takes the focus, so that a screen reader says it.
document.querySelector("[data-focus]")?.focus();

// A box on which a file may be dropped.
for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector('input[type="file"]');
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}

// The camera reads a datamatrix, where the browser knows how; elsewhere a photograph is read by the server.
for (const box of document.querySelectorAll("[data-scan]")) {
  const known = "BarcodeDetector" in window ? await BarcodeDetector.getSupportedFormats() : [];
  if (!known.includes("data_matrix")) continue;
  const [video, failure, form] = [box.querySelector("video"), box.querySelector("[role=alert]"), box.closest("form")];
  box.hidden = false;
  box.querySelector("button").addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      failure.hidden = false;
      return;
    }
    video.hidden = false;
    await video.play();
    const detector = new BarcodeDetector({ formats: ["data_matrix"] });
    const look = async () => {
      const [symbol] = await detector.detect(video).catch(() => []);
      if (!symbol) return requestAnimationFrame(look);
      for (const track of video.srcObject.getTracks()) track.stop();
      form.elements.matricule.value = symbol.rawValue;
      form.requestSubmit();
    };
    look();
  });
}

// A field of addresses: the directory proposes while a name is typed. One click puts the address in its place.
for (const input of document.querySelectorAll("input[data-suggest]")) {
  const list = document.createElement("div");
  list.className = "suggestions";
  list.setAttribute("aria-live", "polite");
  input.after(list);
  let timer;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const start = input.value.lastIndexOf(",") + 1;
      const words = input.value.slice(start).trim();
      list.replaceChildren();
      if (words.length < 2 || words.includes("@")) return;
      const answer = await fetch(`${input.dataset.suggest}?mots=${encodeURIComponent(words)}`);
      if (!answer.ok) return;
      for (const found of (await answer.json()).slice(0, 8)) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "plain";
        button.textContent = `${found.label} <${found.address}>`;
        button.addEventListener("click", () => {
          input.value = `${input.value.slice(0, start)}${start ? " " : ""}${found.address}, `;
          list.replaceChildren();
          input.focus();
        });
        list.append(button);
      }
    }, 250);
  });
}

// A part that is not settled yet is asked for again.
const waiting = document.querySelector("[data-refresh]");
if (waiting) {
  const again = async () => {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main [aria-live]");
    if (fresh) waiting.innerHTML = fresh.innerHTML;
    if (fresh?.hasAttribute("data-refresh")) setTimeout(again, waiting.dataset.refresh * 1000);
  };
  setTimeout(again, waiting.dataset.refresh * 1000);
}
