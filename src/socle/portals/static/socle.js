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
