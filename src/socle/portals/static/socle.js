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
