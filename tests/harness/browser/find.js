// Finds what a person sees: elements by role and accessible name, as assistive technology does.
// Arguments: role, name (a part of it; exact when it starts with "="). Returns the first that is visible.
const [role, wanted] = arguments;
const selectors = {
  alert: '[role=alert]',
  button: 'button, [role=button], input[type=submit], summary',
  checkbox: 'input[type=checkbox], [role=checkbox], [role=switch]',
  combobox: 'select, [role=combobox]',
  dialog: 'dialog[open], [role=dialog], [role=alertdialog]',
  heading: 'h1, h2, h3, h4, [role=heading]',
  link: 'a[href], [role=link]',
  listitem: 'li, article, [role=listitem]',
  menuitem: '[role=menuitem], [role=menuitemradio]',
  progressbar: 'progress, [role=progressbar]',
  radio: 'input[type=radio], [role=radio]',
  status: '[role=status], output',
  tab: '[role=tab]',
  textbox: 'input:not([type]), input[type=text], input[type=search], input[type=password], input[type=email], input[type=url], input[type=number], textarea, [role=textbox], [role=searchbox]',
};
const squeeze = (text) => (text || '').replace(/\s+/g, ' ').trim();
const byIds = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent || '').join(' ');
const nameOf = (element) => {
  if (element.getAttribute('aria-label')) return squeeze(element.getAttribute('aria-label'));
  if (element.getAttribute('aria-labelledby')) return squeeze(byIds(element.getAttribute('aria-labelledby')));
  if (element.labels?.length) return squeeze([...element.labels].map((label) => label.textContent).join(' '));
  return squeeze(element.innerText || element.value || element.title || element.placeholder);
};
const isVisible = (element) => element.checkVisibility({ visibilityProperty: true }) || element.labels?.[0]?.checkVisibility();
// An open modal dialog hides what is behind it.
const modal = [...document.querySelectorAll('dialog:modal')].pop();
const root = modal || document;
const candidates = [...root.querySelectorAll(selectors[role] || `[role=${role}]`)];
if (modal && modal.matches(selectors[role] || 'none')) candidates.unshift(modal);
const matches = (name) => wanted.startsWith('=') ? name === wanted.slice(1) : name.toLowerCase().includes(wanted.toLowerCase());
return candidates.find((element) => isVisible(element) && matches(nameOf(element))) || null;
