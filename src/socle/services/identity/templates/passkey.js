// Passkeys: asks the browser for a credential and posts its answer. Without this script, the password remains.
const post = (path, value) => fetch(path, {
  method: "POST", headers: { "content-type": "application/json" }, credentials: "same-origin", body: JSON.stringify(value),
}).then((answer) => { if (!answer.ok) throw new Error(answer.status); return answer.json(); });
const fail = () => { const place = document.getElementById("passkey-error"); place.textContent = place.dataset.text; };

document.getElementById("passkey")?.addEventListener("click", async ({ currentTarget: { dataset } }) => {
  try {
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(await post("/connexion/cle/options", {}));
    const credential = await navigator.credentials.get({ publicKey: options });
    await post(`/connexion/cle/${dataset.space}`, credential.toJSON());
    location.assign(dataset.back);
  } catch { fail(); }
});
document.getElementById("passkey-add")?.addEventListener("click", async ({ currentTarget: { dataset } }) => {
  try {
    const path = `/connexion/cle/${dataset.space}`;
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(await post(`${path}/options`, {}));
    const credential = await navigator.credentials.create({ publicKey: options });
    await post(`${path}/ajout`, { ...credential.toJSON(), name: document.getElementById("passkey-name").value });
    location.reload();
  } catch { fail(); }
});
